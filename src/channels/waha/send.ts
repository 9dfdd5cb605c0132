import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { ChannelContext, OutboundMessage, SendOutcome } from '../channel.ts';
import type { ServerRequest } from '../whatsapp-web/call-server.ts';
import type { LidBook } from '../whatsapp-web/lid-book.ts';
import { findRecipient } from '../whatsapp-web/recipient.ts';
import { createRejection, type Failure, type Part, type PartResult, sendInParts } from '../whatsapp-web/send-parts.ts';
import { callWaha } from './api.ts';
import type { WahaContext } from './config.ts';
import { classifyError, toFailure } from './errors.ts';
import { readExistence, readSentChat, readSentKey } from './responses.ts';

export interface SendDeps {
  readonly lids: LidBook;
  readonly chats: ChatCache;
}

/** Chats by connection and number, as the server has confirmed them. */
export type ChatCache = Map<string, string>;

const maxChats = 10_000;
const mediaTimeoutMs = 90_000;

/** Makes one attempt to send a message, in parts where it has several. */
export async function sendMessage(deps: SendDeps, context: WahaContext, message: OutboundMessage): Promise<SendOutcome> {
  const recipient = findRecipient(message);
  if (!recipient) return createRejection('address_invalid', 'The address is neither a phone number nor an id of WhatsApp’s.');
  let chatId: string | undefined;
  return sendInParts(context as ChannelContext<object>, message, async (part, isFirst) => {
    if (chatId === undefined) {
      const chat = await findChat(deps, context, recipient);
      if (typeof chat !== 'string') return chat;
      chatId = chat;
    }
    const sent = await sendPart(context, chatId, part, isFirst ? message.replyToExternalId : null);
    if ('failure' in sent) return sent;
    if (recipient.kind === 'phone' && sent.chat?.kind === 'lid') await deps.lids.add(context, sent.chat.user, recipient.user);
    return sent;
  });
}

/**
 * Finds the chat of a recipient. Before the first message to a number the server is asked whether WhatsApp knows it, and under which
 * spelling: Brazilian numbers may be without their ninth digit there, and a send to a number that does not exist fails in words that differ
 * by engine.
 */
async function findChat(
  { chats }: SendDeps,
  context: WahaContext,
  { kind, user, isKnown }: NonNullable<ReturnType<typeof findRecipient>>,
): Promise<string | { failure: Failure }> {
  if (kind === 'lid') return `${user}@lid`;
  const plain = `${user}@c.us`;
  if (isKnown) return plain;
  const cacheKey = `${context.connection.id}/${user}`;
  const cached = chats.get(cacheKey);
  if (cached) return cached;
  const checked = await checkNumber(context, user);
  if (typeof checked !== 'string') return checked;
  chats.set(cacheKey, checked);
  const [oldest] = chats.keys();
  if (chats.size > maxChats && oldest !== undefined) chats.delete(oldest);
  return checked;
}

async function checkNumber(context: WahaContext, phone: string): Promise<string | { failure: Failure }> {
  const { session } = context.connection.config;
  let exists: boolean | undefined;
  for (const spelling of listPhoneSpellings(`+${phone}`)) {
    const query = { phone: spelling.slice(1), session };
    const result = await callWaha(context, { method: 'GET', path: '/api/contacts/check-exists', query });
    if (result.kind !== 'ok') {
      const failure = toFailure(result);
      // Not one byte of the message has left; an engine without this request sends all the same.
      if (failure.kind === 'unknown') return { failure: { ...failure, kind: 'unavailable' } };
      if (failure.kind !== 'rejected') return { failure };
      return failure.code === 'not_on_whatsapp' ? { failure } : `${phone}@c.us`;
    }
    const found = readExistence(result.body);
    if (found.exists !== false) return found.chat?.kind === 'phone' ? `${found.chat.user}@c.us` : `${query.phone}@c.us`;
    exists = found.exists;
  }
  return exists === false ? { failure: createRejection('not_on_whatsapp', 'The number is not on WhatsApp.') } : `${phone}@c.us`;
}

async function sendPart(
  context: WahaContext,
  chatId: string,
  part: Part,
  replyTo: string | null,
): Promise<PartResult & { chat?: ReturnType<typeof readSentChat> }> {
  const { session } = context.connection.config;
  const base = { session, chatId, ...(replyTo === null ? {} : { reply_to: `false_${chatId}_${replyTo}` }) };
  const request = part.kind === 'text' ? toTextRequest(base, part.text) : toFileRequest(base, part);
  let result = await callWaha(context, request);
  // An engine that lacks this kind of message sends the file as a document.
  if (result.kind === 'error' && part.kind === 'file' && classifyError(result) === 'not_supported') {
    result = await callWaha(context, toFileRequest(base, part, 'document'));
  }
  if (result.kind !== 'ok') return { failure: toFailure(result) };
  const externalId = readSentKey(result.body);
  if (externalId) return { externalId, response: result.log, chat: readSentChat(result.body) };
  const message = 'WAHA’s response has no message id.';
  return { failure: { kind: 'unknown', code: 'no_message_id', message, response: result.log } };
}

function toTextRequest(base: object, text: string): ServerRequest {
  return { method: 'POST', path: '/api/sendText', body: { ...base, text, linkPreview: true } };
}

const paths = { image: '/api/sendImage', video: '/api/sendVideo', audio: '/api/sendVoice', document: '/api/sendFile' };

/** Builds the request of a file. Sound is a voice message, which the server converts to the form that WhatsApp plays. */
function toFileRequest(base: object, { file, caption }: Extract<Part, { kind: 'file' }>, kind = file.kind): ServerRequest {
  const { contentType: mimetype, name: filename, base64: data } = file;
  return {
    method: 'POST',
    path: paths[kind],
    timeoutMs: mediaTimeoutMs,
    body: {
      ...base,
      file: { mimetype, filename, data },
      ...(caption === undefined || kind === 'audio' ? {} : { caption }),
      ...(kind === 'audio' ? { convert: true } : kind === 'video' ? { convert: false } : {}),
    },
  };
}
