import type { AxiosResponse } from 'axios';
import { toBotResult } from '../../src/channels/telegram/bot-api.ts';
import { describeContent, describeFile, toPhoneNumber } from '../../src/channels/telegram/message-text.ts';
import { readMessage } from '../../src/channels/telegram/read-message.ts';
import { readUpdate } from '../../src/channels/telegram/read-update.ts';
import {
  readBot,
  readBotError,
  readFilePath,
  readSentMessage,
  readWebhookInfo,
} from '../../src/channels/telegram/responses.ts';
import { parseWithAllDigits, toObject } from '../../src/core/foreign.ts';
import type { ForeignReader } from './foreign-readers.ts';

const chat = { id: 5_550_001_111, type: 'private', first_name: 'Zoe', username: 'zoe_b' };
const from = { id: 5_550_001_111, is_bot: false, first_name: 'Zoe', last_name: 'Bell', language_code: 'en' };
const frame = { message_id: 12, date: 1_795_773_600, chat, from };
const bot = { id: 42, is_bot: true, first_name: 'b' };
const noErrors = { required: [], errorCodes: [] } as const;

/** Readers of Telegram's JSON. */
export const telegramReaders: Readonly<Record<string, ForeignReader>> = {
  'Telegram’s update': {
    ...noErrors,
    file: 'channels/telegram/read-update.ts',
    document: {
      update_id: 900_001,
      message: { ...frame, text: 'hello', reply_to_message: { message_id: 7 } },
      my_chat_member: {
        ...{ chat, from, date: 1_795_773_610 },
        ...{ old_chat_member: { status: 'member', user: bot }, new_chat_member: { status: 'kicked', user: bot } },
      },
    },
    errorCodes: ['payload_invalid'],
    read: (json) => readUpdate(Buffer.from(json), '42'),
  },
  'Telegram’s message with a file': {
    ...noErrors,
    file: 'channels/telegram/read-message.ts',
    document: {
      ...{ ...frame, caption: 'here', forward_origin: { type: 'user' } },
      document: { file_id: 'BQAC', file_unique_id: 'u', file_name: 'a.pdf', mime_type: 'application/pdf', file_size: 9 },
    },
    read: (json) => ({ events: readMessage(parseWithAllDigits(json), false, '42') }),
  },
  'Telegram’s edit of a message': {
    ...noErrors,
    file: 'channels/telegram/read-message.ts',
    document: { ...frame, text: 'new', edit_date: 1_795_773_700 },
    read: (json) => ({ events: readMessage(parseWithAllDigits(json), true, '42') }),
  },
  'Telegram’s shared contact': {
    ...noErrors,
    file: 'channels/telegram/read-message.ts',
    document: { ...frame, contact: { phone_number: '16505551234', first_name: 'Zoe', last_name: 'B', user_id: from.id } },
    read: (json) => ({ events: readMessage(parseWithAllDigits(json), false, '42') }),
  },
  'Telegram’s other content': {
    ...noErrors,
    file: 'channels/telegram/message-text.ts',
    document: {
      ...{ location: { latitude: 1.5, longitude: 2 }, voice: { duration: 67 }, sticker: { emoji: '😀' } },
      ...{ audio: { performer: 'P', title: 'T' }, phone_number: '16505551234' },
    },
    read(json) {
      const message = toObject(parseWithAllDigits(json));
      const files = ['voice', 'sticker', 'audio', 'video_note'].map((kind) => describeFile(kind, toObject(message[kind])));
      return { content: describeContent(message), files, phone: toPhoneNumber(message.phone_number) };
    },
  },
  'Telegram’s responses': {
    ...noErrors,
    file: 'channels/telegram/responses.ts',
    document: {
      ...{ id: 42, username: 'acme_bot', message_id: 7, chat: { id: 5 }, url: 'https://a.example', file_path: 'photos/a.jpg' },
      ...{ pending_update_count: 3, last_error_date: 1_795_773_600, last_error_message: 'Connection refused' },
    },
    read(json) {
      const result = parseWithAllDigits(json);
      return {
        bot: readBot(result),
        sent: readSentMessage(result),
        webhook: readWebhookInfo(result),
        path: readFilePath(result),
      };
    },
  },
  'Telegram’s error': {
    ...noErrors,
    file: 'channels/telegram/responses.ts',
    document: {
      ...{ ok: false, error_code: 429, description: 'Too Many Requests: retry after 5' },
      parameters: { retry_after: 5, migrate_to_chat_id: -1001 },
    },
    read: (json) => ({ refusal: readBotError(toObject(parseWithAllDigits(json)), 400) }),
  },
  'Telegram’s response to a call': {
    ...noErrors,
    file: 'channels/telegram/bot-api.ts',
    document: { ok: true, result: { id: 42 } },
    required: ['ok'],
    read(json) {
      const result = toBotResult({ token: '42:secret' }, { data: json, status: 200 } as AxiosResponse<unknown>);
      return { kind: result.kind, bot: result.kind === 'ok' ? readBot(result.result) : null };
    },
  },
};
