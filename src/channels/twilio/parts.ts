import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { isMessagingService, isSender, isWhatsApp, type TwilioConfig } from './config.ts';

/** Most files of one SMS message. */
const maxMediaUrls = 10;

/** Limit of Twilio; characters outside of the basic plane count once, as its own rule for them is not documented. */
const maxTextChars = 1_600;

/** One message for Twilio: what a message of ours becomes, in order. */
export interface Part {
  readonly text: string;
  readonly mediaUrls: readonly string[];
}

/** Sender and recipient of a message, as Twilio writes them. */
export interface Route {
  readonly from: string | undefined;
  readonly messagingServiceSid: string | undefined;
  readonly to: string;
  /** The message has named its sender; without it the connection's is used. */
  readonly isOwnSender: boolean;
}

/**
 * Chooses sender and recipient. A message may name its own sender, a number or a Messaging Service; text that is neither, such as the name of
 * a user, is not one. Over WhatsApp both have its prefix, and the contact's id there, if an inbound message has named it, replaces the number.
 */
export function chooseRoute(config: TwilioConfig, message: OutboundMessage): Route {
  const own = message.from !== null && (isSender(message.from) || isMessagingService(message.from)) ? message.from : null;
  const messagingServiceSid = isMessagingService(own) ? own : config.messagingServiceSid;
  const named = isMessagingService(own) ? undefined : (own ?? config.from);
  const from = named?.startsWith('+') && isWhatsApp(config.from) ? `whatsapp:${named}` : named;
  const whatsAppId = isWhatsApp(message.vendorAddress) ? message.vendorAddress : null;
  // A Messaging Service without a sender of its own has numbers of both kinds: it replies where the contact has written.
  const overWhatsApp = isWhatsApp(from) || (from === undefined && whatsAppId !== null);
  const to = overWhatsApp ? (whatsAppId ?? toWhatsAppAddress(message.to)) : message.to;
  return {
    from,
    messagingServiceSid,
    to,
    isOwnSender: own !== null && own !== config.from && own !== config.messagingServiceSid,
  };
}

function toWhatsAppAddress(to: string): string {
  return isWhatsApp(to) ? to : `whatsapp:${to}`;
}

/** Splits a message into what one request can hold: WhatsApp takes one file a message, SMS ten. The text goes with the first files. */
export function splitMessage({ text, attachments }: OutboundMessage, overWhatsApp: boolean): Part[] {
  const size = overWhatsApp ? 1 : maxMediaUrls;
  const chunks = Array.from({ length: Math.max(1, Math.ceil(attachments.length / size)) }, (_, index) =>
    attachments.slice(index * size, (index + 1) * size),
  );
  return chunks.map((mediaUrls, index) => ({ text: index === 0 ? (text ?? '') : '', mediaUrls }));
}

/** Refuses a message that Twilio would refuse, before any part of it is sent. */
export function checkMessage({ text, attachments }: OutboundMessage): SendOutcome | null {
  if (!text && attachments.length === 0) {
    return { kind: 'rejected', code: 'empty', message: 'The message has neither text nor a file.' };
  }
  const length = text?.length ?? 0;
  if (length > maxTextChars && [...(text ?? '')].length > maxTextChars) {
    return { kind: 'rejected', code: 'text_too_long', message: 'The text is longer than 1,600 characters, Twilio’s limit.' };
  }
  return null;
}
