import { addAcceptedParts } from '../accepted-parts.ts';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { findChatId, findMessageId, toExternalId } from './addresses.ts';
import { type BotResult, callBotApi } from './bot-api.ts';
import { parseBotId, type TelegramContext } from './config.ts';
import { classifyError, createRejection, type Failure, toFailure } from './errors.ts';
import { documentMethod, type MediaMethod, type PreparedMedia, prepareMedia, toUploadForm } from './media.ts';
import { maxTextChars, planParts } from './parts.ts';
import { readSentMessage } from './responses.ts';

/** One message in the chat, ready to be sent. */
type Part = { readonly text: string } | (Extract<PreparedMedia, { kind: 'file' }> & { readonly caption: string | undefined });

const uploadTimeoutMs = 120_000;

/** Makes one attempt to send a message, in as many messages of Telegram's as it needs. */
export async function sendMessage(context: TelegramContext, message: OutboundMessage): Promise<SendOutcome> {
  const chat = findChatId(message);
  if (chat === null) return createRejection('no_chat', 'The contact has no chat with this bot.');
  const text = message.text?.trim() ?? '';
  if (text === '' && message.attachments.length === 0) return createRejection('message_empty', 'The message is empty.');
  const parts = await prepareParts(context, message, text);
  return Array.isArray(parts) ? sendParts(context, message, chat, parts) : parts;
}

/** Prepares every part that is left before the first of them is sent, so that a missing file sends no half of a message. */
async function prepareParts(
  context: TelegramContext,
  message: OutboundMessage,
  text: string,
): Promise<(Part | null)[] | SendOutcome> {
  const parts: (Part | null)[] = [];
  for (const [index, planned] of planParts(text, message.attachments.length).entries()) {
    if (index < message.acceptedParts.length) parts.push(null);
    else if (planned.kind === 'text') parts.push({ text: planned.text });
    else {
      const prepared = await prepareMedia(context, message.attachments[planned.index] ?? '');
      if ('failure' in prepared) return addAcceptedParts(prepared.failure, message.acceptedParts);
      parts.push(prepared.kind === 'file' ? { ...prepared, caption: planned.caption } : toLink(prepared.url, planned.caption));
    }
  }
  return parts;
}

/** Builds the text that stands for a file which Telegram does not take. */
function toLink(url: string, caption: string | undefined): { text: string } {
  return { text: [caption, url].filter(Boolean).join('\n').slice(0, maxTextChars) };
}

/** Sends the parts that are left, one after the other, so that they arrive in order. */
async function sendParts(
  context: TelegramContext,
  message: OutboundMessage,
  firstChat: string,
  parts: readonly (Part | null)[],
): Promise<SendOutcome> {
  const externalIds = [...message.acceptedParts];
  const bot = parseBotId(context.connection.config.token);
  let chat = firstChat;
  let response: string | undefined;
  for (const [index, part] of parts.entries()) {
    if (part === null) continue;
    const replyTo = index === 0 ? findMessageId(message.replyToExternalId, { bot, chat }) : null;
    let sent = await sendPart(context, chat, part, replyTo);
    const newChat = findNewChat(sent);
    if (newChat !== undefined && newChat !== chat) {
      chat = newChat;
      sent = await sendPart(context, chat, part, null);
    }
    if (sent.kind !== 'ok') {
      const failure = toFailure(sent);
      const words = parts.length > 1 ? `Part ${index + 1} of ${parts.length}: ${failure.message}` : failure.message;
      return addAcceptedParts({ ...failure, message: words }, externalIds);
    }
    const { chat: inChat = chat, message: messageId } = readSentMessage(sent.result);
    if (messageId === undefined) {
      const failure: Failure = { kind: 'unknown', code: 'no_message_id', message: 'Telegram’s response has no message id.' };
      return addAcceptedParts({ ...failure, response: sent.log }, externalIds);
    }
    externalIds.push(toExternalId({ bot, chat: inChat }, messageId));
    response = sent.log;
  }
  return { kind: 'accepted', externalIds, ...(response === undefined ? {} : { response }) };
}

function findNewChat(result: BotResult): string | undefined {
  if (result.kind !== 'error' || !result.error || classifyError(result.error).kind !== 'migrated') return undefined;
  return result.error.migrateToChatId;
}

/** Sends one part. A file that Telegram refuses in its own form is sent as a document, and then as its address. */
async function sendPart(context: TelegramContext, chat: string, part: Part, replyTo: number | null): Promise<BotResult> {
  const fields = { chat_id: Number(chat), ...(replyTo === null ? {} : { reply_parameters: toReply(replyTo) }) };
  // No `parse_mode`: a text with * or _ would be refused, or shown without them.
  if ('text' in part) return callBotApi(context, { method: 'sendMessage', body: { ...fields, text: part.text } });
  const withCaption = { ...fields, ...(part.caption === undefined ? {} : { caption: part.caption }) };
  const upload = (via: MediaMethod) =>
    callBotApi(context, {
      method: via.method,
      body: toUploadForm(withCaption, part.file, via),
      timeoutMs: uploadTimeoutMs,
    });
  let result = await upload(part.via);
  if (isAboutFile(result) && part.via !== documentMethod) result = await upload(documentMethod);
  if (!isAboutFile(result)) return result;
  return callBotApi(context, { method: 'sendMessage', body: { ...fields, ...toLink(part.url, part.caption) } });
}

function isAboutFile(result: BotResult): boolean {
  if (result.kind !== 'error') return false;
  // A proxy refuses a large body without Telegram's words.
  return result.error ? classifyError(result.error).kind === 'file' : result.status === 413;
}

function toReply(messageId: number) {
  // The message may have been deleted since.
  return { message_id: messageId, allow_sending_without_reply: true };
}
