import type { OutboundMessage } from '../channel.ts';

const prefix = 'telegram:';
const chatId = /^-?\d{1,20}$/;
const messageId = /^(\d{1,20}:-?\d{1,20}):(\d{1,20})$/;

/** A chat of one bot: a person's chats with two bots have the same id, and number their messages from 1 each. */
export interface BotChat {
  readonly bot: string;
  readonly chat: string;
}

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
export function toExternalId({ bot, chat }: BotChat, message: string): string {
  return `${bot}:${chat}:${message}`;
}

/** Parses the external id of a message in a chat. @returns null for one of another chat, or of another bot that the connection had */
export function findMessageId(externalId: string | null, { bot, chat }: BotChat): number | null {
  const [, inChat, message] = messageId.exec(externalId ?? '') ?? [];
  return inChat === `${bot}:${chat}` ? Number(message) : null;
}
