import { addAcceptedParts } from '../accepted-parts.ts';
import type { ChannelContext, OutboundMessage, SendOutcome } from '../channel.ts';
import { type PreparedMedia, prepareMedia } from './media.ts';
import { waitBeforeSend } from './pacing.ts';

/** One message at WhatsApp. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly file: Exclude<PreparedMedia, { kind: 'address' }>; readonly caption: string | undefined };

/** Failure of a send, before it is known which parts were sent. */
export type Failure = Exclude<SendOutcome, { kind: 'accepted' | 'delivered' }>;

export type PartResult = { readonly externalId: string; readonly response: string } | { readonly failure: Failure };

/** Longest text message and caption, in characters. */
const maxTextChars = 65_536;
const maxCaptionChars = 1_024;

/** Creates a rejection by this program: the request was not made. */
export function createRejection(code: string, message: string): Failure & { kind: 'rejected' } {
  return { kind: 'rejected', code, message };
}

/**
 * Makes one attempt to send a message, in parts where it has several: after the pacing, each after the other, continued after those that an
 * earlier attempt has sent.
 *
 * @param sendPart sends one part; `isFirst` is the one that replies, where the message does
 */
export async function sendInParts(
  context: ChannelContext<object>,
  message: OutboundMessage,
  sendPart: (part: Part, isFirst: boolean) => Promise<PartResult>,
): Promise<SendOutcome> {
  const text = message.text?.trim() ?? '';
  if (text === '' && message.attachments.length === 0) return createRejection('message_empty', 'The message is empty.');
  if (text.length > maxTextChars) {
    return createRejection('text_too_long', `The text has ${text.length} characters; WhatsApp takes ${maxTextChars} at most.`);
  }
  const accepted = message.acceptedParts;
  const parts = await prepareParts(context, message, text);
  if (!Array.isArray(parts)) return addAcceptedParts(parts.failure, accepted);
  if (!(await waitBeforeSend(context, message))) {
    const stopped = {
      kind: 'unavailable',
      code: 'stopping',
      message: 'The program stopped before the message was sent.',
    } as const;
    return addAcceptedParts(stopped, accepted);
  }
  return sendRest(parts, accepted, sendPart);
}

async function sendRest(
  parts: readonly Part[],
  accepted: readonly string[],
  sendPart: (part: Part, isFirst: boolean) => Promise<PartResult>,
): Promise<SendOutcome> {
  const externalIds = [...accepted];
  let response: string | undefined;
  for (const [index, part] of parts.entries()) {
    if (index < accepted.length) continue;
    const sent = await sendPart(part, index === 0);
    if ('failure' in sent) {
      const { message: words } = sent.failure;
      const failure = { ...sent.failure, message: index > 0 ? `Part ${index + 1} of ${parts.length}: ${words}` : words };
      return addAcceptedParts(failure, externalIds);
    }
    externalIds.push(sent.externalId);
    response = sent.response;
  }
  return { kind: 'accepted', externalIds, ...(response === undefined ? {} : { response }) };
}

/** Prepares every attachment before the first part is sent, so that a missing file sends no half of a message. */
async function prepareParts(
  context: ChannelContext<object>,
  message: OutboundMessage,
  text: string,
): Promise<Part[] | { failure: Failure }> {
  const media: PreparedMedia[] = [];
  for (const url of message.attachments) {
    const prepared = await prepareMedia(context, url);
    if ('failure' in prepared) return prepared;
    media.push(prepared);
  }
  return toParts(text, media);
}

/**
 * Divides a message into parts. The first image, video or document carries the text as its caption, where it is short enough; else the text
 * comes first. Sound has no caption.
 */
export function toParts(text: string, media: readonly PreparedMedia[]): Part[] {
  const captioned =
    text.length > 0 && text.length <= maxCaptionChars
      ? media.find(({ kind }) => kind === 'image' || kind === 'video' || kind === 'document')
      : undefined;
  const first: Part[] = text.length > 0 && !captioned ? [{ kind: 'text', text }] : [];
  const files = media.map((one): Part => {
    if (one.kind === 'address') return { kind: 'text', text: one.url };
    return { kind: 'file', file: one, caption: one === captioned ? text : undefined };
  });
  return [...first, ...files];
}
