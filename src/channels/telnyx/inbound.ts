import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import { nestedObject, requiredText, shortId, text, time, toList, toObject, toText, unknownField } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, InboundAttachment } from '../channel.ts';

const address = shortId(maxChars.address);

const recipients = unknownField.transform((value) =>
  toList(value).flatMap((row) => {
    const read = address.parse(toObject(row).phone_number);
    return read === undefined ? [] : [read];
  }),
);

const inboundMessage = z.object({
  id: requiredText(maxChars.externalId),
  from: nestedObject(z.object({ phone_number: requiredText(maxChars.address) })),
  to: recipients,
  text,
  subject: text,
  type: text,
  media: unknownField,
  received_at: time,
  autoresponse_type: unknownField,
});

/** Telnyx's default words. It names the kind of a word itself, except in webhooks of older accounts. */
const stopWords = new Set(['STOP', 'STOPALL', 'STOP ALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT']);
const startWords = new Set(['START', 'UNSTOP']);

/**
 * Reads an inbound message, and the opt-out or opt-in that it is. Of a group, `to` names several numbers: the connection's own counts.
 *
 * @param sender the connection's number
 * @throws AppError `payload_invalid`
 */
export function readInboundMessage(
  payload: Record<string, unknown>,
  sender: string | undefined,
  occurredAt: Date | undefined,
): ChannelEvent[] {
  const result = inboundMessage.safeParse(payload);
  if (!result.success) {
    throw new AppError('payload_invalid', 'This is no inbound message of Telnyx.', {
      details: result.error.issues.map((issue) => `data.payload.${issue.path.join('.')}: ${issue.message}`),
    });
  }
  const message = result.data;
  const from = message.from.phone_number;
  const attachments = listMedia(message.media);
  const at = message.received_at ?? occurredAt;
  const inbound: ChannelEvent = {
    kind: 'inbound',
    inbound: {
      externalId: message.id,
      from,
      to: message.to.find((one) => one === sender) ?? message.to[0],
      text: toMessageText(message.text, message.subject, attachments.length > 0),
      attachments,
      occurredAt: at,
      sentExternally: false,
    },
  };
  const optedOut = findOptOut(payload.autoresponse_type, message.text);
  if (optedOut === undefined) return [inbound];
  const reason = truncate(message.text?.trim().toUpperCase() || String(toText(payload.autoresponse_type) ?? ''), 40);
  return [{ kind: 'opt_out', optOut: { address: from, optedOut, category: 'all', reason, occurredAt: at } }, inbound];
}

/** Finds an opt-out by Telnyx's own word for the message; by the default words only where the field is absent. */
function findOptOut(autoresponseType: unknown, words: string | undefined): boolean | undefined {
  const type = toText(autoresponseType)?.trim().toUpperCase();
  if (type === 'STOP') return true;
  if (type === 'START') return false;
  if (type !== undefined) return undefined;
  const word = words?.trim().replace(/\s+/g, ' ').toUpperCase() ?? '';
  return stopWords.has(word) ? true : startWords.has(word) ? false : undefined;
}

function toMessageText(words: string | undefined, subject: string | undefined, hasMedia: boolean): string | undefined {
  const parts = [subject, words].filter((part) => part !== undefined);
  if (parts.length > 0) return [...new Set(parts)].join('\n');
  return hasMedia ? undefined : '[Message without text]';
}

/** HighLevel takes no more. */
const maxMedia = 20;
const maxUrlChars = 2_000;

/** Lists the files of a message: addresses that need no credentials, and end soon. */
function listMedia(value: unknown): InboundAttachment[] {
  return toList(value)
    .map((row) => toText(toObject(row).url)?.trim())
    .flatMap((url) => (url && url.length <= maxUrlChars && /^https?:/i.test(url) && URL.canParse(url) ? [{ url }] : []))
    .slice(0, maxMedia);
}
