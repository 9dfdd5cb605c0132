import { createHash } from 'node:crypto';
import { flag, toId, toList, toObject, toText, toTime } from '../../core/foreign.ts';
import type { ChannelEvent, InboundAttachment, InboundContent } from '../channel.ts';
import { type BotChat, toContactAddress, toExternalId } from './addresses.ts';
import { describeContent, describeFile, toPhoneNumber } from './message-text.ts';

type Fields = Readonly<Record<string, unknown>>;

const numericId = /^\d{1,20}$/;
const fileId = /^[\w-]{1,300}$/;
/** A command of Telegram's apps, with the payload of the link that was opened. */
const startCommand = /^\/start(?:@\w+)?(?:\s+([\w-]{1,64}))?\s*$/;

/** Kinds of files, in the order in which they are looked for: an animation comes together with a document. */
const fileKinds = ['animation', 'photo', 'video', 'video_note', 'voice', 'audio', 'sticker', 'document'] as const;

/** Types of files that Telegram does not name. */
const defaultTypes: Readonly<Record<string, string>> = { photo: 'image/jpeg', video_note: 'video/mp4', voice: 'audio/ogg' };

/** Fields of service messages, which report an event of the chat and hold no content of a person. */
const serviceFields = [
  ...['pinned_message', 'message_auto_delete_timer_changed', 'write_access_allowed', 'connected_website', 'boost_added'],
  ...['chat_background_set', 'successful_payment', 'refunded_payment', 'users_shared', 'chat_shared', 'web_app_data'],
  ...['forum_topic_created', 'forum_topic_edited', 'forum_topic_closed', 'forum_topic_reopened', 'passport_data'],
  ...['checklist_tasks_done', 'checklist_tasks_added', 'poll_option_added', 'poll_option_deleted', 'video_chat_started'],
  ...['video_chat_ended', 'video_chat_scheduled', 'managed_bot_created', 'gift', 'unique_gift', 'gift_upgrade_sent'],
];

/**
 * Reads a message of a private chat: what a person wrote, a link that was opened, or a phone number that was shared.
 *
 * @param bot id of the bot whose chat it is
 * @returns no event for a group, another bot, a service message, and for an edit without a text
 */
export function readMessage(value: unknown, isEdit: boolean, bot: string): ChannelEvent[] {
  const message = toObject(value);
  const sender = readSender(message);
  const number = toId(message.message_id);
  if (!sender || number === undefined || !numericId.test(number)) return [];
  const { chat, userId, name } = sender;
  const base = {
    externalId: toExternalId({ bot, chat }, number),
    from: toContactAddress(chat),
    vendorAddress: chat,
    vendorUserId: userId,
    name,
    attachments: [] as readonly InboundAttachment[],
    replyToExternalId: readReply(message, { bot, chat }),
    occurredAt: toTime(message.date),
    sentExternally: false,
  };
  if (isEdit) return readEdit(message, base);
  const start = startCommand.exec(toText(message.text) ?? '');
  if (start) return [toStartEvent(base, start[1])];
  const contact = toObject(message.contact);
  const phone = toPhoneNumber(contact.phone_number);
  // A card that was forwarded looks the same; only the owner's own has the sender's id.
  if (phone !== undefined && userId !== undefined && toId(contact.user_id) === userId) {
    return [{ kind: 'contact_phone', phone, inbound: { ...base, text: `[Shared the phone number ${phone}]` } }];
  }
  const { file, words, text } = readContent(message);
  if (words === '' && !file) return isService(message) ? [] : [toInbound({ ...base, text: unreadable })];
  return [toInbound({ ...base, text: text || undefined, attachments: file ? [file.attachment] : [] })];
}

const unreadable = '[A message of a kind that can’t be shown here]';

function toInbound(inbound: InboundContent): ChannelEvent {
  return { kind: 'inbound', inbound };
}

function toStartEvent(base: InboundContent, payload: string | undefined): ChannelEvent {
  return payload === undefined
    ? toInbound({ ...base, text: '[Started the chat]' })
    : { kind: 'contact_link', payload, inbound: { ...base, text: '[Started the chat by a link]' } };
}

/** Reads the file of a message, and its text with the notes about what a text cannot show. */
function readContent(message: Fields) {
  const file = readFile(message);
  const words = [toText(message.text) ?? toText(message.caption), file?.note ?? describeContent(message)]
    .filter(Boolean)
    .join('\n');
  const isForwarded = toId(toObject(message.forward_origin).type) !== undefined;
  return { file, words, text: [isForwarded ? '[Forwarded]' : '', words].filter(Boolean).join(' ') };
}

/** Reads an edit as a message of its own. Live locations and previews are edits too, which have no text or an equal one. */
function readEdit(message: Fields, base: InboundContent): ChannelEvent[] {
  const text = toText(message.text) ?? toText(message.caption);
  if (text === undefined) return [];
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return [
    toInbound({
      ...base,
      externalId: `${base.externalId}:edit:${hash}`,
      replyToExternalId: base.externalId,
      editedText: readContent(message).text,
      occurredAt: toTime(message.edit_date) ?? base.occurredAt,
      text: `[Edited] ${text}`,
    }),
  ];
}

/** Reads the person of a private chat. @returns null for any other chat, and for a bot */
export function readSender(message: Fields): { chat: string; userId: string | undefined; name: string | undefined } | null {
  const chat = toObject(message.chat);
  const id = toId(chat.id);
  if (id === undefined || !numericId.test(id) || toId(chat.type)?.toLowerCase() !== 'private') return null;
  const from = toObject(message.from);
  if (flag.parse(from.is_bot)) return null;
  const userId = toId(from.id);
  const [first, last, username] = ['first_name', 'last_name', 'username'].map(
    (name) => toText(from[name]) ?? toText(chat[name]),
  );
  const name = [first, last].filter(Boolean).join(' ') || (username && `@${username}`);
  return { chat: id, userId: userId !== undefined && numericId.test(userId) ? userId : undefined, name: name || undefined };
}

function readReply(message: Fields, chat: BotChat): string | undefined {
  const replied = toId(toObject(message.reply_to_message).message_id);
  return replied !== undefined && numericId.test(replied) ? toExternalId(chat, replied) : undefined;
}

/** Reads the file of a message: its id, by which it is fetched, and its name and type, which its server does not name. */
function readFile(message: Fields): { attachment: InboundAttachment; note: string | undefined } | null {
  for (const kind of fileKinds) {
    // A picture comes in several sizes, the largest last.
    const candidates = toList(message[kind]).map(toObject);
    const file = candidates.findLast(({ file_id }) => fileId.test(toId(file_id) ?? ''));
    if (!file) continue;
    const note = describeFile(kind, file);
    return {
      attachment: {
        ref: toId(file.file_id) ?? '',
        name: toText(file.file_name)?.slice(0, 200).toWellFormed(),
        contentType: (toText(file.mime_type) ?? defaultTypes[kind])?.slice(0, 200).toWellFormed(),
      },
      note,
    };
  }
  return null;
}

function isService(message: Fields): boolean {
  return serviceFields.some(
    (field) => toText(message[field]) !== undefined || Object.keys(toObject(message[field])).length > 0,
  );
}
