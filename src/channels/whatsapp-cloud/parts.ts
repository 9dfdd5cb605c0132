import type { OutboundMessage } from '../channel.ts';
import type { Recipient } from './addresses.ts';
import type { TemplateMessage } from './fill-template.ts';
import { type PreparedMedia, toMediaContent } from './media.ts';
import { canHaveCaption } from './media-kinds.ts';

/** Longest text message and caption, in characters. */
export const maxTextChars = 4_096;
const maxCaptionChars = 1_024;

/** One message at WhatsApp: its type and the object of that name. */
export type Part =
  | { readonly type: 'text'; readonly content: { readonly body: string; readonly preview_url: boolean } }
  | { readonly type: 'template'; readonly content: TemplateMessage }
  | { readonly type: string; readonly content: Readonly<Record<string, unknown>> };

/**
 * Divides a message into parts. The first image, video or document carries the text as its caption, where it is short enough; else the text
 * comes first. Whether Meta takes an upload changes no part's position, so that a later attempt continues at the right one.
 */
export function toParts(text: string, media: readonly PreparedMedia[]): Part[] {
  const captioned = text.length > 0 && text.length <= maxCaptionChars ? media.find(carriesText) : undefined;
  const first = text.length > 0 && !captioned ? [toTextPart(text)] : [];
  return [
    ...first,
    ...media.map((one) =>
      one.kind === 'address'
        ? toTextPart(one === captioned ? `${text}\n${one.url}` : one.url)
        : { type: one.kind, content: toMediaContent(one, one === captioned ? text : undefined) },
    ),
  ];
}

function carriesText(media: PreparedMedia): boolean {
  const kind = media.kind === 'address' ? media.refusedKind : media.kind;
  return kind !== undefined && canHaveCaption(kind);
}

function toTextPart(body: string): Part {
  return { type: 'text', content: { body, preview_url: /https?:\/\//i.test(body) } };
}

/** Our id and the part's position, which Meta returns in each status. */
const callbackData = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d{1,3})\/(\d{1,3})$/i;

/** Parses the data that a status returns. @returns null for that of another program */
export function parseCallbackData(data: string | undefined) {
  const [, messageId, index, count] = callbackData.exec(data ?? '') ?? [];
  if (!messageId || Number(index) >= Number(count)) return null;
  return { messageId: messageId.toLowerCase(), part: { index: Number(index), count: Number(count) } };
}

/** Builds the request of one part. The first one is the reply, where the message replies to another. */
export function toSendBody(
  message: Pick<OutboundMessage, 'id' | 'replyToExternalId'>,
  recipient: Recipient,
  part: Part,
  position: { readonly index: number; readonly count: number },
): Readonly<Record<string, unknown>> {
  const isReply = message.replyToExternalId !== null && position.index === 0;
  return {
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    ...recipient,
    ...(isReply ? { context: { message_id: message.replyToExternalId } } : {}),
    type: part.type,
    [part.type]: part.content,
    biz_opaque_callback_data: `${message.id}:${position.index}/${position.count}`,
  };
}
