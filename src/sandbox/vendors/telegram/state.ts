import { createHash } from 'node:crypto';
import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated Telegram: plain data, which survives a restart. */
export interface TelegramVendorState {
  bot: { id: number; token: string; username: string; firstName: string };
  people: TelegramPerson[];
  messages: TelegramVendorMessage[];
  /** Files by their id. */
  files: Record<string, { base64: string; name: string; contentType: string }>;
  webhook: { url: string; secretToken: string; allowedUpdates: string[] } | null;
  lastError: { at: number; message: string } | null;
  nextUpdateId: number;
  nextMessageId: number;
}

/** A person with a Telegram account. The private chat with the bot has the person's id. */
export interface TelegramPerson {
  id: number;
  /** Known to Telegram alone, until the person shares it. */
  phone: string;
  firstName: string;
  languageCode: string;
  /** A bot can write only to a person who has started the chat. */
  hasStarted: boolean;
  hasBlocked: boolean;
}

/** A message of the bot, or of a person. */
export interface TelegramVendorMessage {
  id: number;
  direction: 'outbound' | 'inbound';
  chatId: number;
  method: string;
  text: string;
  /** Id of its file. */
  fileId: string | null;
  replyTo: number | null;
  /** It asks the person to share the phone number. */
  asksForPhone: boolean;
  at: number;
}

/** Creates a Telegram with one bot. */
export function createTelegramState(random: RandomSource, saved: Partial<TelegramVendorState> = {}): TelegramVendorState {
  const id = 7_000_000_000 + random(4).readUInt32BE() / 8;
  const secret = random(26).toString('base64url').slice(0, 35);
  return {
    bot: { id: Math.floor(id), token: `${Math.floor(id)}:${secret}`, username: 'harbour_demo_bot', firstName: 'Harbour' },
    ...{ people: [], messages: [], files: {}, webhook: null, lastError: null, nextUpdateId: 900_001, nextMessageId: 1 },
    ...saved,
  };
}

/** Returns the person with a phone number, who gets an account when none exists. */
export function getPersonByPhone(state: TelegramVendorState, phone: string): TelegramPerson {
  const digits = phone.replace(/\D/g, '');
  const known = state.people.find((person) => person.phone === digits);
  if (known) return known;
  const id = 5_000_000_000 + createHash('sha256').update(digits).digest().readUInt32BE();
  const person = { id, phone: digits, firstName: 'Maya', languageCode: 'en', hasStarted: false, hasBlocked: false };
  state.people.push(person);
  return person;
}
