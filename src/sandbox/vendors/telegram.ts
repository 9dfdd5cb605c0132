import type { Axios } from 'axios';
import type { Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import {
  createTelegramRouter,
  describeStoredFile,
  type MethodResult,
  type TelegramFault,
  type TelegramRequest,
  type UploadedFile,
} from './telegram/router.ts';
import {
  createTelegramState,
  getPersonByPhone,
  type TelegramPerson,
  type TelegramVendorMessage,
  type TelegramVendorState,
} from './telegram/state.ts';
import { toMembershipUpdate, toMessage, toSentMessage } from './telegram/updates.ts';
import { createUpdateSender } from './telegram/webhooks.ts';

export type { TelegramFault, TelegramRequest } from './telegram/router.ts';
export type { TelegramPerson, TelegramVendorMessage, TelegramVendorState } from './telegram/state.ts';

export interface TelegramVendorOptions {
  clock: Clock;
  random: RandomSource;
  http: Axios;
  state?: Partial<TelegramVendorState> | undefined;
  onChange?: () => void;
  /** Called with each message that the bot has sent. */
  onMessage?: (message: TelegramVendorMessage, person: TelegramPerson) => void;
  onRequest?: (request: TelegramRequest) => void;
}

/** Message that a person writes to the bot. */
export interface TelegramReceived {
  /** Phone number of the person, in any spelling. */
  from: string;
  name?: string;
  text?: string;
  /** File and its kind; a picture comes without a name. */
  file?: { kind: 'photo' | 'document' | 'voice' | 'video' | 'audio'; data: Buffer; contentType: string; name?: string };
  replyTo?: number;
  /** Other content, such as `{ location: { latitude: 1, longitude: 2 } }`. */
  raw?: Record<string, unknown>;
}

export type TelegramVendor = ReturnType<typeof createTelegramVendor>;

/** Fields with the file of a message, by method. */
const fileFields: Readonly<Record<string, string>> = {
  ...{ sendPhoto: 'photo', sendDocument: 'document', sendVideo: 'video', sendAnimation: 'animation' },
  ...{ sendAudio: 'audio', sendVoice: 'voice' },
};

const maxTextChars = 4_096;
const maxCaptionChars = 1_024;
const bad = (description: string): MethodResult => ({ status: 400, description: `Bad Request: ${description}` });

/** Creates a simulated Telegram with one bot: its Bot API, its updates, and the people who chat with it. */
export function createTelegramVendor(options: TelegramVendorOptions) {
  const { clock, random, onChange = () => {}, onMessage = () => {}, onRequest = () => {} } = options;
  const state = createTelegramState(random, options.state);
  const updates = createUpdateSender({ clock, http: options.http, state, runMethod: (...call) => void run(...call, null) });
  let fault: TelegramFault | null = null;

  function run(method: string, parameters: Record<string, unknown>, file: UploadedFile | null): MethodResult {
    const { bot, webhook, lastError } = state;
    switch (method) {
      case 'getMe':
        return {
          result: { id: bot.id, is_bot: true, first_name: bot.firstName, username: bot.username, can_join_groups: true },
        };
      case 'getWebhookInfo':
        return {
          result: {
            ...{ url: webhook?.url ?? '', has_custom_certificate: false, pending_update_count: updates.countPending() },
            ...(lastError ? { last_error_date: Math.floor(lastError.at / 1000), last_error_message: lastError.message } : {}),
          },
        };
      case 'setWebhook':
        return setWebhook(parameters);
      case 'deleteWebhook':
        state.webhook = null;
        onChange();
        return { result: true };
      case 'getFile':
        return describeStoredFile(state, String(parameters.file_id));
      case 'getUpdates':
        return {
          status: 409,
          description:
            "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        };
      default:
        return method === 'sendMessage' || method in fileFields
          ? send(method, parameters, file)
          : { status: 404, description: 'Not Found: method not found' };
    }
  }

  function setWebhook({ url, secret_token, allowed_updates }: Record<string, unknown>): MethodResult {
    const secretToken = String(secret_token ?? '');
    if (typeof url !== 'string' || !/^https?:\/\//.test(url)) return bad('bad webhook: invalid webhook URL specified');
    if (!/^[A-Za-z0-9_-]{0,256}$/.test(secretToken)) return bad('secret token contains unallowed characters');
    const allowedUpdates = Array.isArray(allowed_updates) ? allowed_updates.map(String) : ['message'];
    state.webhook = { url, secretToken, allowedUpdates };
    state.lastError = null;
    onChange();
    return { result: true };
  }

  function send(method: string, parameters: Record<string, unknown>, file: UploadedFile | null): MethodResult {
    const isText = method === 'sendMessage';
    const text = String((isText ? parameters.text : parameters.caption) ?? '');
    const person = state.people.find(({ id }) => String(id) === String(parameters.chat_id));
    if (!person) return bad('chat not found');
    if (person.hasBlocked) return { status: 403, description: 'Forbidden: bot was blocked by the user' };
    if (!person.hasStarted) return { status: 403, description: "Forbidden: bot can't initiate conversation with a user" };
    if (isText && text.trim() === '') return bad('message text is empty');
    if (isText && text.length > maxTextChars) return bad('message is too long');
    if (!isText && text.length > maxCaptionChars) return bad('message caption is too long');
    if (parameters.parse_mode && /[_*<[]/.test(text)) return bad("can't parse entities: character is reserved");
    if (!isText && !file) return bad('wrong file identifier/HTTP URL specified');
    const reply = toObject(parameters.reply_parameters);
    const message: TelegramVendorMessage = {
      ...{ id: state.nextMessageId++, direction: 'outbound', chatId: person.id, method, text, at: clock.now() },
      fileId: file ? storeFile(file.data, file.name, file.contentType) : null,
      replyTo: typeof reply.message_id === 'number' ? reply.message_id : null,
      asksForPhone: JSON.stringify(parameters.reply_markup ?? '').includes('request_contact'),
    };
    state.messages.push(message);
    onMessage(message, person);
    onChange();
    return { result: toSentMessage(state, person, message) };
  }

  function storeFile(data: Buffer, name: string, contentType = 'application/octet-stream'): string {
    const id = `BQAC${random(24).toString('base64url')}`;
    state.files[id] = { base64: data.toString('base64'), name, contentType };
    return id;
  }

  /** Posts what a person does, which also starts the chat. @returns the number of the message */
  function receive({ from, name, text, file, replyTo, raw = {} }: TelegramReceived): number {
    const person = getPersonByPhone(state, from);
    if (name !== undefined) person.firstName = name;
    person.hasStarted = true;
    const message: TelegramVendorMessage = {
      ...{ id: state.nextMessageId++, direction: 'inbound', chatId: person.id, method: 'message', text: text ?? '' },
      ...{ fileId: file ? storeFile(file.data, file.name ?? 'file', file.contentType) : null, replyTo: replyTo ?? null },
      ...{ asksForPhone: false, at: clock.now() },
    };
    state.messages.push(message);
    const content = { ...(text === undefined ? {} : { [file ? 'caption' : 'text']: text }), ...toFileContent(message, file) };
    updates.schedule(person.id, { message: toMessage(person, message, { ...content, ...raw }) });
    onChange();
    return message.id;
  }

  const router: Router = createTelegramRouter({ state, getFault: () => fault, run, onRequest });
  return {
    state,
    router,
    receive,
    storeFile,
    setFault(next: TelegramFault | null): void {
      fault = next;
    },
    getPerson: (phone: string) => getPersonByPhone(state, phone),
    listMessages: (chatId?: number) => state.messages.filter((message) => chatId === undefined || message.chatId === chatId),
    /** Opens a chat with the bot by a link, as the app does for `https://t.me/<bot>?start=<payload>`. */
    start(from: string, payload?: string): number {
      unblock(from);
      return receive({ from, text: payload === undefined ? '/start' : `/start ${payload}` });
    },
    /** Shares the person's own number, or the card of another one. */
    shareContact(from: string, card?: { phone_number: string; first_name: string; user_id?: number }): number {
      const person = getPersonByPhone(state, from);
      const own = { phone_number: person.phone, first_name: person.firstName, user_id: person.id };
      return receive({ from, raw: { contact: card ?? own } });
    },
    /** Changes the text of a person's message. */
    edit(from: string, id: number, content: Record<string, unknown>): void {
      const person = getPersonByPhone(state, from);
      const at = clock.now();
      const edited = { ...toMessage(person, { id, at }, content), edit_date: Math.floor(at / 1000) };
      updates.schedule(person.id, { edited_message: edited });
    },
    block(from: string): void {
      setBlocked(from, true);
    },
    unblock,
    /** Ends the updates. */
    close: updates.stop,
  };

  function unblock(from: string): void {
    setBlocked(from, false);
  }

  function setBlocked(from: string, isBlocked: boolean): void {
    const person = getPersonByPhone(state, from);
    if (person.hasBlocked === isBlocked) return;
    person.hasBlocked = isBlocked;
    updates.schedule(person.id, toMembershipUpdate(state, person, isBlocked, clock.now()));
    onChange();
  }
}

function toFileContent({ fileId }: TelegramVendorMessage, file: TelegramReceived['file']): Record<string, unknown> {
  if (!fileId || !file) return {};
  const base = { file_id: fileId, file_unique_id: fileId.slice(0, 12), file_size: file.data.length };
  if (file.kind === 'photo') return { photo: [{ ...base, width: 90, height: 90 }] };
  const duration = file.kind === 'document' ? {} : { duration: 7 };
  const name = file.name === undefined || file.kind === 'voice' ? {} : { file_name: file.name };
  return { [file.kind]: { ...base, mime_type: file.contentType, ...duration, ...name } };
}

/** Parses a parameter that a form carries as JSON. */
function toObject(value: unknown): Record<string, unknown> {
  const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value;
  return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
}
