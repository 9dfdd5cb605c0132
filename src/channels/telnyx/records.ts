import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { nestedObject, shortId, text, time, toList, toObject, unknownField } from '../../core/foreign.ts';
import { readApiErrors } from './api.ts';

const id = shortId(maxChars.externalId);
const address = shortId(maxChars.address);
const word = text.transform((value) => value?.trim().toLowerCase());

const party = z
  .object({ phone_number: address, status: word })
  .transform((one) => ({ phoneNumber: one.phone_number, status: one.status }));

/** A list of recipients; rows that are no objects are left out. */
const parties = unknownField.transform((value) => toList(value).map((one) => party.parse(toObject(one))));

const messageRecord = z
  .object({
    id,
    direction: word,
    from: nestedObject(party),
    to: parties,
    text,
    media: unknownField,
    messaging_profile_id: id,
    errors: unknownField,
    completed_at: time,
    sent_at: time,
    received_at: time,
  })
  .transform((record) => ({
    id: record.id,
    direction: record.direction,
    from: record.from.phoneNumber,
    to: record.to,
    text: record.text ?? '',
    mediaCount: toList(record.media).length,
    profileId: record.messaging_profile_id,
    errors: readApiErrors(record.errors),
    completedAt: record.completed_at,
    createdAt: record.received_at ?? record.sent_at,
  }));

/** Telnyx's record of a message; any field may be missing. */
export type MessageRecord = z.output<typeof messageRecord>;

/** Reads a message, as sends, look-ups and webhooks hold it. */
export function readMessageRecord(value: Record<string, unknown>): MessageRecord {
  return messageRecord.parse(value);
}

const detailRecord = z
  .object({ uuid: id, direction: word, cld: address, cli: address, created_at: time })
  .transform((record) => ({
    uuid: record.uuid,
    direction: record.direction,
    to: record.cld,
    from: record.cli,
    createdAt: record.created_at,
  }));

/** Reads a row of the detail records, which have no text. */
export function readDetailRecord(value: Record<string, unknown>) {
  return detailRecord.parse(value);
}

const profileRecord = z
  .object({
    id,
    name: text,
    enabled: unknownField,
    webhook_url: text,
    webhook_api_version: word,
    whitelisted_destinations: unknownField,
  })
  .transform((record) => ({
    id: record.id,
    name: record.name,
    // A missing flag is none.
    isDisabled: /^(false|0|no)$/i.test(String(record.enabled ?? '')),
    webhookUrl: record.webhook_url,
    webhookVersion: record.webhook_api_version,
    destinations: toList(record.whitelisted_destinations).flatMap((one) => (typeof one === 'string' && one ? [one] : [])),
  }));

export type ProfileRecord = z.output<typeof profileRecord>;

/** Reads a messaging profile. */
export function readProfile(value: Record<string, unknown>): ProfileRecord {
  return profileRecord.parse(value);
}

const features = nestedObject(z.object({ sms: unknownField, mms: unknownField }));

const numberRecord = z
  .object({ phone_number: address, messaging_profile_id: id, type: word, features })
  .transform((record) => ({
    phoneNumber: record.phone_number,
    profileId: record.messaging_profile_id,
    type: record.type,
    // Telnyx describes what a number can do as an object, and leaves it out or writes null for what it can't.
    hasNoSms: record.features.sms === undefined || record.features.sms === null || record.features.sms === '',
    isDescribed: Object.keys(toObject(record.features.mms)).length + Object.keys(toObject(record.features.sms)).length > 0,
  }))
  .transform(({ hasNoSms, isDescribed, ...record }) => ({ ...record, hasSms: !(hasNoSms && isDescribed) }));

export type NumberRecord = z.output<typeof numberRecord>;

/** Reads a number of the account with its messaging settings. */
export function readNumber(value: Record<string, unknown>): NumberRecord {
  return numberRecord.parse(value);
}

const balanceRecord = z.object({ balance: text, available_credit: text, currency: text }).transform((record) => ({
  available: record.available_credit ?? record.balance,
  currency: record.currency,
}));

/** Reads the balance, whose amounts are texts. */
export function readBalance(value: Record<string, unknown>) {
  return balanceRecord.parse(value);
}
