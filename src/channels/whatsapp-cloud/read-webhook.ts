import { maxChars } from '../../core/bounds.ts';
import { parseForeignJson, toId, toList, toObject, toText, toTime } from '../../core/foreign.ts';
import type { ChannelEvent } from '../channel.ts';
import { toContactAddress } from './addresses.ts';
import { readErrors } from './graph-error.ts';
import { readAccountUpdate } from './read-account.ts';
import { type Profile, readMessage } from './read-message.ts';
import { readStatus, toAccountEvents } from './read-status.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The connection's ids: one app secret signs the webhooks of every number of an app. */
export interface WebhookOwner {
  readonly phoneNumberId: string;
  readonly businessAccountId: string;
}

export interface WebhookContent {
  readonly events: readonly ChannelEvent[];
  /** Errors that Meta reports without a message. */
  readonly errors: readonly string[];
  /** Updates that could not be read: the others of the batch are not lost for them. */
  readonly unreadCount: number;
  /** Updates of other numbers and of fields without content for us. */
  readonly ignoredCount: number;
}

interface Collector {
  events: ChannelEvent[];
  errors: string[];
  unreadCount: number;
  ignoredCount: number;
}

/**
 * Reads a webhook: up to 1,000 updates of every kind, in any mixture.
 *
 * @throws AppError `payload_invalid`: not JSON
 */
export function readWebhook(body: Buffer, owner: WebhookOwner): WebhookContent {
  const collected: Collector = { events: [], errors: [], unreadCount: 0, ignoredCount: 0 };
  for (const entry of toList(toObject(parseForeignJson(body)).entry).map(toObject)) {
    for (const change of toList(entry.changes).map(toObject)) {
      readChange(collected, owner, toId(entry.id), toText(change.field), toObject(change.value));
    }
  }
  return collected;
}

/** Readers of the fields with content for us, and the part of an app that each is about. */
const fieldReaders: Readonly<Record<string, { of: 'number' | 'account'; read(collected: Collector, value: Fields): void }>> = {
  messages: { of: 'number', read: readMessages },
  smb_message_echoes: { of: 'number', read: readEchoes },
  user_preferences: { of: 'number', read: readPreferences },
  account_update: { of: 'account', read: (collected, value) => add(collected, readAccountUpdate(value)) },
};

function readChange(
  collected: Collector,
  owner: WebhookOwner,
  accountId: string | undefined,
  field: string | undefined,
  value: Fields,
): void {
  const reader = Object.hasOwn(fieldReaders, field ?? '') ? fieldReaders[field ?? ''] : undefined;
  const isOurs =
    reader?.of === 'account'
      ? accountId === owner.businessAccountId
      : toId(toObject(value.metadata).phone_number_id) === owner.phoneNumberId;
  if (reader && isOurs) reader.read(collected, value);
  else collected.ignoredCount += 1;
}

function readMessages(collected: Collector, value: Fields): void {
  const profiles = readProfiles(value.contacts);
  for (const status of toList(value.statuses)) add(collected, readStatus(status));
  for (const message of toList(value.messages)) addMessage(collected, message, profiles, 'inbound');
  for (const error of readErrors(value.errors)) {
    collected.errors.push(`${error.text} (${error.code})`);
    collected.events.push(...toAccountEvents(error));
  }
}

function readEchoes(collected: Collector, value: Fields): void {
  const profiles = readProfiles(value.contacts);
  for (const message of toList(value.message_echoes)) addMessage(collected, message, profiles, 'echo');
}

function addMessage(collected: Collector, message: unknown, profiles: readonly Profile[], direction: 'inbound' | 'echo'): void {
  const inbound = readMessage(message, profiles, direction);
  add(collected, inbound ? [{ kind: 'inbound', inbound }] : inbound === null ? null : []);
}

/** Reads contacts' choices about marketing, made in WhatsApp. */
function readPreferences(collected: Collector, value: Fields): void {
  for (const row of toList(value.user_preferences).map(toObject)) {
    const contact = toId(row.wa_id) ?? toId(row.user_id);
    const choice = toText(row.value)?.trim().toLowerCase();
    if (!contact || !choice) {
      collected.unreadCount += 1;
      continue;
    }
    if (toText(row.category) !== 'marketing_messages' || !['stop', 'resume', 'signup'].includes(choice)) {
      collected.ignoredCount += 1;
      continue;
    }
    const optOut = {
      address: toContactAddress(contact),
      optedOut: choice === 'stop',
      category: 'marketing' as const,
      occurredAt: toTime(row.timestamp),
      reason: toText(row.detail)?.slice(0, 200).toWellFormed() ?? choice,
    };
    add(collected, contact.length <= maxChars.address ? [{ kind: 'opt_out', optOut }] : null);
  }
}

/** Adds the events of one update. @param events null for an unreadable update */
function add(collected: Collector, events: readonly ChannelEvent[] | null): void {
  if (events === null) collected.unreadCount += 1;
  else if (events.length === 0) collected.ignoredCount += 1;
  else collected.events.push(...events);
}

function readProfiles(value: unknown): Profile[] {
  return toList(value)
    .map(toObject)
    .map(({ wa_id, user_id, profile }) => ({
      waId: toId(wa_id),
      userId: toId(user_id),
      name: toText(toObject(profile).name) ?? toText(toObject(profile).username),
    }));
}
