import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { shortId, text, time, toList, toNumber, toObject, toText, toTime, unknownField } from '../../core/foreign.ts';

const id = shortId(maxChars.externalId);
const word = text.transform((value) => value?.trim().toLowerCase());

const recipients = unknownField.transform((value) =>
  toList(value)
    .map(toObject)
    .map((row) => ({ state: toText(row.state)?.trim().toLowerCase(), error: toText(row.error) })),
);

/** Times by state, such as `{"Pending": "2026-01-01T00:00:00Z"}`. */
const times = unknownField.transform((value) =>
  Object.fromEntries(
    Object.entries(toObject(value)).flatMap(([name, at]) => {
      const read = toTime(at);
      return read ? [[name.toLowerCase(), read] as const] : [];
    }),
  ),
);

const messageRecord = z.object({ id, state: word, recipients, states: times }).transform((record) => ({
  id: record.id,
  // We write to one recipient each time; its number is a hash once the message is sent.
  state: record.recipients[0]?.state ?? record.state,
  error: record.recipients.find(({ error }) => error !== undefined)?.error,
  times: record.states as Readonly<Record<string, Date>>,
}));

/** The gateway's record of a message; any field may be missing. */
export type MessageRecord = z.output<typeof messageRecord>;

/** Reads a message, as sends and look-ups return it. */
export function readMessageRecord(value: Record<string, unknown>): MessageRecord {
  return messageRecord.parse(value);
}

const simCards = unknownField.transform((value) =>
  toList(value)
    .map(toObject)
    .flatMap((row) => {
      const number = toNumber(row.simNumber);
      const details = { phoneNumber: toText(row.phoneNumber), carrier: toText(row.carrierName) };
      return number === undefined ? [] : [{ number, ...details }];
    }),
);

const deviceRecord = z
  .object({ id, name: text, lastSeen: time, simCards })
  .transform((record) => ({ id: record.id, name: record.name, lastSeenAt: record.lastSeen, simCards: record.simCards }));

/** A phone of the account. */
export type DeviceRecord = z.output<typeof deviceRecord>;

/** Reads a phone. */
export function readDevice(value: Record<string, unknown>): DeviceRecord {
  return deviceRecord.parse(value);
}

const webhookRecord = z
  .object({ id, url: text, event: word, deviceId: id })
  .transform((record) => ({ id: record.id, url: record.url, event: record.event, deviceId: record.deviceId }));

/** Reads a registered webhook. */
export function readWebhookRecord(value: Record<string, unknown>) {
  return webhookRecord.parse(value);
}
