import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { isName, isSender, isUuid, type TelnyxConfig } from './config.ts';

/** Most files of one message. */
const maxMediaUrls = 10;

/** One message for Telnyx: what a message of ours becomes, in order. */
export interface Part {
  readonly text: string;
  readonly mediaUrls: readonly string[];
}

/** Sender of a message: a number, a short code or a name, or the messaging profile that chooses a number. */
export interface Route {
  readonly from: string | undefined;
  readonly messagingProfileId: string | undefined;
  /** The message has named its sender; without it the connection's is used. */
  readonly isOwnSender: boolean;
}

/**
 * Chooses the sender. A message may name its own: a number or a messaging profile; text that is neither, such as the name of a user, is not
 * one, and a name is one only where the profile that it needs is known. A number goes alone, as Telnyx refuses one of another profile.
 */
export function chooseRoute({ from: configured, messagingProfileId: profile }: TelnyxConfig, message: OutboundMessage): Route {
  const own = message.from !== null && canSendFrom(message.from, profile) ? message.from : null;
  const isOwnSender = own !== null && own !== configured && own !== profile;
  if (own !== null && isUuid(own)) return { from: undefined, messagingProfileId: own, isOwnSender };
  const from = own ?? configured;
  return { from, messagingProfileId: from === undefined || isName(from) ? profile : undefined, isOwnSender };
}

function canSendFrom(from: string, profile: string | undefined): boolean {
  return isUuid(from) || (isSender(from) && (!isName(from) || profile !== undefined));
}

/** Splits a message into what one request can hold: ten files each. The text goes with the first files. */
export function splitMessage({ text, attachments }: OutboundMessage): Part[] {
  const chunks = Array.from({ length: Math.max(1, Math.ceil(attachments.length / maxMediaUrls)) }, (_, index) =>
    attachments.slice(index * maxMediaUrls, (index + 1) * maxMediaUrls),
  );
  return chunks.map((mediaUrls, index) => ({ text: index === 0 ? (text ?? '') : '', mediaUrls }));
}

/** Refuses a message without content before any part of it is sent. Telnyx's limit of a text is not documented: it decides itself. */
export function checkMessage({ text, attachments }: OutboundMessage): SendOutcome | null {
  return text || attachments.length > 0
    ? null
    : { kind: 'rejected', code: 'empty', message: 'The message has neither text nor a file.' };
}
