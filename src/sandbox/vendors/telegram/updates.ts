import type { TelegramPerson, TelegramVendorMessage, TelegramVendorState } from './state.ts';

/** An update before it is posted, without its number. */
export type TelegramUpdate = Record<string, unknown>;

function toUser({ id, firstName, languageCode }: TelegramPerson) {
  return { id, is_bot: false, first_name: firstName, language_code: languageCode };
}

function toChat({ id, firstName }: TelegramPerson) {
  return { id, type: 'private', first_name: firstName };
}

/** Builds a message of a person. @param content fields of the message, such as `text` or `voice` */
export function toMessage(
  person: TelegramPerson,
  { id, at, replyTo = null }: { id: number; at: number; replyTo?: number | null },
  content: Record<string, unknown>,
): Record<string, unknown> {
  const date = Math.floor(at / 1000);
  const frame = { message_id: id, from: toUser(person), chat: toChat(person), date };
  const reply = replyTo === null ? {} : { reply_to_message: { message_id: replyTo, chat: toChat(person), date } };
  return { ...frame, ...reply, ...content };
}

/** Builds the result of a method that sends: the message as the bot sees it. */
export function toSentMessage(
  state: TelegramVendorState,
  person: TelegramPerson,
  { id, at, text, fileId }: TelegramVendorMessage,
): Record<string, unknown> {
  const { bot } = state;
  const from = { id: bot.id, is_bot: true, first_name: bot.firstName, username: bot.username };
  const file = fileId ? { document: { file_id: fileId, file_unique_id: fileId.slice(0, 12) }, caption: text } : { text };
  return { message_id: id, from, chat: toChat(person), date: Math.floor(at / 1000), ...file };
}

/** Builds the update of a person who blocks the bot, or lifts the block. */
export function toMembershipUpdate(
  { bot }: TelegramVendorState,
  person: TelegramPerson,
  isBlocked: boolean,
  at: number,
): TelegramUpdate {
  const user = { id: bot.id, is_bot: true, first_name: bot.firstName, username: bot.username };
  const [blocked, member] = [
    { status: 'kicked', until_date: 0, user },
    { status: 'member', user },
  ];
  return {
    my_chat_member: {
      ...{ chat: toChat(person), from: toUser(person), date: Math.floor(at / 1000) },
      ...(isBlocked
        ? { old_chat_member: member, new_chat_member: blocked }
        : { old_chat_member: blocked, new_chat_member: member }),
    },
  };
}
