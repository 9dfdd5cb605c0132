import type { WebFile } from '../whatsapp-web/state.ts';

type Fields = Record<string, unknown>;

/** Fields of a request, beside `session` and `chatId`: required ones and others. */
const requests: Readonly<Record<string, { required: readonly string[]; optional: readonly string[] }>> = {
  sendText: { required: ['text'], optional: ['reply_to', 'linkPreview', 'linkPreviewHighQuality', 'id'] },
  sendImage: { required: ['file'], optional: ['caption', 'reply_to'] },
  sendFile: { required: ['file'], optional: ['caption', 'reply_to'] },
  sendVoice: { required: ['file', 'convert'], optional: ['reply_to'] },
  sendVideo: { required: ['file', 'convert'], optional: ['asNote', 'caption', 'reply_to'] },
};

/** Content of a request to send that the server accepts. */
export interface WahaSend {
  chatId: string;
  text: string;
  file: WebFile | null;
  replyTo: string | null;
}

/** Checks a request to send as strictly as the server. @returns the problem, in words */
export function checkWahaSend(operation: string, body: Fields, session: string): WahaSend | string {
  const rule = requests[operation];
  if (!rule) return `Cannot POST /api/${operation}`;
  const known = new Set(['session', 'chatId', ...rule.required, ...rule.optional]);
  const unknown = Object.keys(body).find((name) => !known.has(name));
  if (unknown) return `property ${unknown} should not exist`;
  const missing = ['session', 'chatId', ...rule.required].find((name) => body[name] === undefined);
  if (missing) return `${missing} should not be empty`;
  const { chatId, text, caption, file, convert, reply_to: replyTo = null } = body;
  if (body.session !== session) return `Session "${String(body.session)}" does not exist`;
  if (typeof chatId !== 'string' || !/^\d{5,20}@(c\.us|lid|g\.us)$/.test(chatId)) return 'chatId must be a chat id';
  if (operation === 'sendText' && (typeof text !== 'string' || text === '')) return 'text must be a string';
  if (replyTo !== null && !(typeof replyTo === 'string' && /^(?:true|false)_[^_@]{1,40}@[^_@]{1,20}_[^_]/.test(replyTo))) {
    return 'reply_to must be the id of a message';
  }
  if ('convert' in body && typeof convert !== 'boolean') return 'convert must be a boolean value';
  const words = typeof text === 'string' ? text : typeof caption === 'string' ? caption : '';
  if (operation === 'sendText') return { chatId, text: words, file: null, replyTo };
  const read = readFile(file);
  return typeof read === 'string' ? read : { chatId, text: words, file: read, replyTo };
}

function readFile(file: unknown): WebFile | string {
  const { mimetype, filename = 'file', data, ...others } = (file ?? {}) as Fields;
  if (Object.keys(others).length > 0) return `property ${Object.keys(others)[0]} should not exist`;
  if (typeof mimetype !== 'string' || typeof filename !== 'string') return 'file.mimetype must be a string';
  if (typeof data !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return 'file.data must be base64';
  return { contentType: mimetype, name: filename, base64: data };
}
