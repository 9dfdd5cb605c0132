import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import { requiredText, shortId, text, toText } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, InboundAttachment } from '../channel.ts';
import { isWhatsApp, type TwilioConfig } from './config.ts';

const id = shortId(maxChars.externalId);

const inboundMessage = z
  .object({
    MessageSid: id,
    SmsMessageSid: id,
    SmsSid: id,
    From: requiredText(maxChars.address),
    To: shortId(maxChars.address),
    Body: text,
    OptOutType: text.transform((value) => value?.trim().toUpperCase()),
    ProfileName: text,
    MessageType: text,
    ButtonText: text,
    ButtonPayload: text,
    Latitude: text,
    Longitude: text,
    Address: text,
    Label: text,
    OriginalRepliedMessageSid: id,
  })
  .refine((message) => message.MessageSid ?? message.SmsMessageSid ?? message.SmsSid, {
    path: ['MessageSid'],
    error: 'is needed',
  });

type InboundMessage = z.output<typeof inboundMessage>;

/** Twilio's default words. It acts on them itself, and says so in `OptOutType` with its Advanced Opt-Out only. */
const stopWords = new Set(['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT']);
const startWords = new Set(['START', 'YES', 'UNSTOP']);

/**
 * Reads an inbound message, and the opt-out or opt-in that it is. A connection of a WhatsApp sender leaves the words to the program, as
 * Twilio does not act on them there.
 *
 * @throws AppError `payload_invalid`
 */
export function readInboundMessage(fields: Record<string, unknown>, config: Pick<TwilioConfig, 'from'>): ChannelEvent[] {
  const result = inboundMessage.safeParse(fields);
  if (!result.success) {
    throw new AppError('payload_invalid', 'This is no inbound message of Twilio.', {
      details: result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`),
    });
  }
  const message = result.data;
  const from = stripChannel(message.From);
  const attachments = listMedia(fields);
  const inbound: ChannelEvent = {
    kind: 'inbound',
    inbound: {
      externalId: message.MessageSid ?? message.SmsMessageSid ?? message.SmsSid ?? '',
      from,
      to: message.To && stripChannel(message.To),
      // Also for SMS, where the sender is chosen by a Messaging Service: the reply then goes where the contact wrote last.
      vendorAddress: isWhatsApp(message.From) || config.from === undefined ? message.From : undefined,
      name: message.ProfileName,
      text: toMessageText(message, attachments.length > 0),
      attachments,
      replyToExternalId: message.OriginalRepliedMessageSid,
      sentExternally: false,
    },
  };
  const optedOut = findOptOut(message, isWhatsApp(config.from));
  if (optedOut === undefined) return [inbound];
  const reason = truncate(message.Body?.trim().toUpperCase() || message.OptOutType || '', 40);
  return [{ kind: 'opt_out', optOut: { address: from, optedOut, category: 'all', reason } }, inbound];
}

/** Removes the channel before an address: `whatsapp:+12025550143`. */
export function stripChannel(address: string): string {
  return address.replace(/^[a-z]+:(?=\+)/, '');
}

function findOptOut({ OptOutType, Body }: InboundMessage, onlyByType: boolean): boolean | undefined {
  if (OptOutType === 'STOP') return true;
  if (OptOutType === 'START') return false;
  if (OptOutType !== undefined || onlyByType) return undefined;
  const word = Body?.trim().toUpperCase() ?? '';
  return stopWords.has(word) ? true : startWords.has(word) ? false : undefined;
}

/** Returns the text of a message; of one without text, what it is, so that it is not lost. */
function toMessageText(message: InboundMessage, hasMedia: boolean): string | undefined {
  const type = message.MessageType?.trim().toLowerCase();
  const body = message.Body ?? message.ButtonText ?? message.ButtonPayload;
  if (type === 'reaction' && body !== undefined) return `[Reaction: ${body}]`;
  const parts = [body, toLocationText(message)].filter((part) => part !== undefined);
  if (parts.length > 0) return parts.join('\n');
  return hasMedia ? undefined : `[Message without text${type ? `: ${truncate(type, 40)}` : ''}]`;
}

function toLocationText({ Latitude, Longitude, Label, Address }: InboundMessage): string | undefined {
  if (Latitude === undefined || Longitude === undefined) return undefined;
  const name = [Label, Address].filter(Boolean).join(', ');
  return `[Location: ${name ? `${name} ` : ''}(${Latitude}, ${Longitude})]`;
}

/** Twilio has ten at most; HighLevel takes no more than twenty. */
const maxMedia = 20;

/** Lists the files of a message, as references: they need the credentials of the account. */
function listMedia(fields: Record<string, unknown>): InboundAttachment[] {
  return Array.from({ length: maxMedia }, (_, index) => {
    const ref = toText(fields[`MediaUrl${index}`])?.trim();
    if (!ref || ref.length > maxRefChars || !URL.canParse(ref)) return [];
    return [{ ref, contentType: toText(fields[`MediaContentType${index}`]) }];
  }).flat();
}

const maxRefChars = 2_000;
