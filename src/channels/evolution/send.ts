import type { ChannelContext, OutboundMessage, SendOutcome } from '../channel.ts';
import type { ServerRequest } from '../whatsapp-web/call-server.ts';
import type { LidBook } from '../whatsapp-web/lid-book.ts';
import { findRecipient } from '../whatsapp-web/recipient.ts';
import { createRejection, type Part, type PartResult, sendInParts } from '../whatsapp-web/send-parts.ts';
import { callEvolution } from './api.ts';
import type { EvolutionContext } from './config.ts';
import { classifyError, toFailure } from './errors.ts';
import { readConnectionState, readSentChat, readSentKey } from './responses.ts';

const mediaTimeoutMs = 90_000;
const stateTimeoutMs = 5_000;

/** Makes one attempt to send a message, in parts where it has several. */
export async function sendMessage(
  deps: { lids: LidBook },
  context: EvolutionContext,
  message: OutboundMessage,
): Promise<SendOutcome> {
  const recipient = findRecipient(message);
  if (!recipient) return createRejection('address_invalid', 'The address is neither a phone number nor an id of WhatsApp’s.');
  const { kind, user, isKnown } = recipient;
  // Digits alone are looked up by the server, in both spellings of a Brazilian number; a whole address is left as it is.
  const number = kind === 'lid' ? `${user}@lid` : isKnown ? `${user}@s.whatsapp.net` : user;
  return sendInParts(context as ChannelContext<object>, message, async (part, isFirst) => {
    const sent = await sendPart(context, number, part, isFirst ? message.replyToExternalId : null);
    if ('chat' in sent && kind === 'phone' && sent.chat?.kind === 'lid') await deps.lids.add(context, sent.chat.user, user);
    return sent;
  });
}

async function sendPart(
  context: EvolutionContext,
  number: string,
  part: Part,
  replyTo: string | null,
): Promise<PartResult & { chat?: ReturnType<typeof readSentChat> }> {
  const base = { number, ...(replyTo === null ? {} : { quoted: { key: { id: replyTo } } }) };
  const result = await callEvolution(context, toRequest(base, part));
  if (result.kind !== 'ok') {
    // Its refusals look alike whether the phone is linked or not.
    const isOpen = result.kind === 'error' && classifyError(result) === 'unknown';
    return { failure: toFailure(result, isOpen ? await checkConnected(context) : null) };
  }
  const externalId = readSentKey(result.body);
  if (externalId) return { externalId, response: result.log, chat: readSentChat(result.body) };
  const message = 'The response of Evolution API has no message id.';
  return { failure: { kind: 'unknown', code: 'no_message_id', message, response: result.log } };
}

/** Asks whether the instance is connected. @returns null where the server does not say, or it connects again at present */
async function checkConnected(context: EvolutionContext): Promise<boolean | null> {
  const result = await callEvolution(context, {
    method: 'GET',
    path: '/instance/connectionState',
    timeoutMs: stateTimeoutMs,
  });
  const state = result.kind === 'ok' ? readConnectionState(result.body) : null;
  return state === null ? null : state === 'linked';
}

function toRequest(base: object, part: Part): ServerRequest {
  if (part.kind === 'text') return { method: 'POST', path: '/message/sendText', body: { ...base, text: part.text } };
  const { kind, contentType: mimetype, name: fileName, base64 } = part.file;
  // Without a prefix: `data:` is refused.
  if (kind === 'audio') {
    const body = { ...base, audio: base64, encoding: true };
    return { method: 'POST', path: '/message/sendWhatsAppAudio', timeoutMs: mediaTimeoutMs, body };
  }
  const caption = part.caption === undefined ? {} : { caption: part.caption };
  const body = { ...base, mediatype: kind, mimetype, ...caption, media: base64, fileName };
  return { method: 'POST', path: '/message/sendMedia', timeoutMs: mediaTimeoutMs, body };
}
