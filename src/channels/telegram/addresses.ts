import type { OutboundMessage } from '../channel.ts';

const prefix = 'telegram:';
const chatId = /^-?\d{1,20}$/;
const messageId = /^(-?\d{1,20}):(\d{1,20})$/;

/** Converts a chat to the address by which the program knows its contact. A private chat has the id of its user, with every bot. */
export function toContactAddress(chat: string): string {
  return prefix + chat;
}

/** Returns the chat of a message's recipient. @returns null for a contact without a chat */
export function findChatId({ to, vendorAddress }: Pick<OutboundMessage, 'to' | 'vendorAddress'>): string | null {
  for (const given of [vendorAddress, to.startsWith(prefix) ? to.slice(prefix.length) : null]) {
    if (given !== null && chatId.test(given)) return given;
  }
  return null;
}

/** Builds the external id of a message: Telegram numbers messages within their chat. */
export function toExternalId(chat: string, message: string): string {
  return `${chat}:${message}`;
}

/** Parses the external id of a message in a chat. @returns null for one of another chat */
export function findMessageId(externalId: string | null, chat: string): number | null {
  const [, inChat, message] = messageId.exec(externalId ?? '') ?? [];
  return inChat === chat ? Number(message) : null;
}
