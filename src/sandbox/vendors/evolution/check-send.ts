import type { WebFile } from '../whatsapp-web/state.ts';

type Fields = Record<string, unknown>;

/** Bodies of requests to send, from the schemas that the server applies: required fields, others, and their types. */
const evolutionRequests: Readonly<Record<string, { required: Fields; optional: Fields }>> = {
  sendText: {
    required: { number: 'string', text: 'string' },
    optional: { delay: 'number', quoted: 'object', linkPreview: 'boolean', mentionsEveryOne: 'boolean', mentioned: 'object' },
  },
  sendMedia: {
    required: { number: 'string', mediatype: 'string', media: 'string' },
    optional: { mimetype: 'string', caption: 'string', fileName: 'string', delay: 'number', quoted: 'object' },
  },
  sendWhatsAppAudio: {
    required: { number: 'string', audio: 'string' },
    optional: { delay: 'number', encoding: 'boolean', quoted: 'object' },
  },
};

/** Content of a request to send that the server accepts. */
export interface EvolutionSend {
  number: string;
  kind: string;
  text: string;
  file: WebFile | null;
  replyTo: string | null;
}

/** Checks a request to send as strictly as the server. @returns the problem, in words */
export function checkEvolutionSend(operation: string, body: Fields): EvolutionSend | string {
  const rule = evolutionRequests[operation];
  if (!rule) return `Cannot POST /message/${operation}`;
  const missing = Object.keys(rule.required).find((name) => body[name] === undefined);
  if (missing) return `instance requires property "${missing}"`;
  const types = { ...rule.required, ...rule.optional };
  for (const [name, value] of Object.entries(body)) {
    if (!(name in types)) return `instance has an additional property "${name}"`;
    if (types[name] !== typeof value) return `instance.${name} is not of a type(s) ${types[name]}`;
  }
  const { number, mediatype, caption, fileName = 'file', mimetype, quoted } = body;
  if (operation === 'sendMedia' && !['image', 'video', 'document'].includes(String(mediatype))) {
    return 'instance.mediatype is not one of enum values: image,document,video';
  }
  const media = body.media ?? body.audio;
  if (media !== undefined && !/^https?:\/\//.test(String(media)) && !/^[A-Za-z0-9+/]+={0,2}$/.test(String(media))) {
    return 'Owned media must be a url or base64';
  }
  const contentType = operation === 'sendWhatsAppAudio' ? 'audio/ogg' : String(mimetype ?? 'application/octet-stream');
  const key = (quoted as { key?: { id?: unknown } } | undefined)?.key;
  if (quoted !== undefined && typeof key?.id !== 'string') return 'instance.quoted.key requires property "id"';
  return {
    number: String(number),
    kind: operation === 'sendText' ? 'text' : operation === 'sendMedia' ? String(mediatype) : 'audio',
    text: String(body.text ?? caption ?? ''),
    file: media === undefined ? null : { contentType, base64: String(media), name: String(fileName) },
    replyTo: typeof key?.id === 'string' ? key.id : null,
  };
}

/** Converts a number to an address as the server does, with its mistakes for numbers of other countries. */
export function toServerJid(number: string): string {
  if (/@(g\.us|s\.whatsapp\.net|lid)$/.test(number)) return number;
  const digits = number.replace(/[^\d]/g, '');
  if (digits.length >= 18) return `${digits}@g.us`;
  return `${digits}@s.whatsapp.net`;
}
