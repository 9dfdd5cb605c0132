import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { flag, nestedObject, shortId, text, time } from '../../core/foreign.ts';

const id = shortId(maxChars.externalId);
const address = shortId(maxChars.address);
const word = text.transform((value) => value?.trim().toLowerCase());

const messageRecord = z
  .object({
    sid: id,
    status: word,
    direction: word,
    to: address,
    from: address,
    body: text,
    num_media: text,
    messaging_service_sid: id,
    error_code: id,
    error_message: text,
    date_created: time,
    date_updated: time,
  })
  .transform((record) => ({
    sid: record.sid,
    status: record.status,
    direction: record.direction,
    to: record.to,
    from: record.from,
    body: record.body ?? '',
    mediaCount: Number(record.num_media ?? 0) || 0,
    messagingServiceSid: record.messaging_service_sid,
    errorCode: record.error_code === '0' ? undefined : record.error_code,
    errorMessage: record.error_message,
    createdAt: record.date_created,
    updatedAt: record.date_updated,
  }));

/** Twilio's record of a message; any field may be missing. */
export type MessageRecord = z.output<typeof messageRecord>;

/** Reads a message, as sends and look-ups return it. */
export function readMessageRecord(value: Record<string, unknown>): MessageRecord {
  return messageRecord.parse(value);
}

const accountRecord = z
  .object({ friendly_name: text, status: word, type: word })
  .transform((record) => ({ name: record.friendly_name, status: record.status, type: record.type }));

/** Reads the account. */
export function readAccount(value: Record<string, unknown>) {
  return accountRecord.parse(value);
}

const numberRecord = z
  .object({
    sid: id,
    phone_number: address,
    friendly_name: text,
    capabilities: nestedObject(z.object({ sms: flag, mms: flag })),
    sms_url: text,
    sms_method: word,
    sms_application_sid: id,
  })
  .transform((record) => ({
    sid: record.sid,
    phoneNumber: record.phone_number,
    name: record.friendly_name,
    hasSms: record.capabilities.sms,
    smsUrl: record.sms_url,
    smsMethod: record.sms_method,
    applicationSid: record.sms_application_sid,
  }));

export type NumberRecord = z.output<typeof numberRecord>;

/** Reads a number of the account. */
export function readNumber(value: Record<string, unknown>): NumberRecord {
  return numberRecord.parse(value);
}

const poolNumberRecord = z
  .object({ phone_number: address, short_code: address })
  .transform((record) => record.phone_number ?? record.short_code);

/** Reads a number of a Messaging Service. */
export function readPoolNumber(value: Record<string, unknown>): string | undefined {
  return poolNumberRecord.parse(value);
}

const serviceRecord = z
  .object({
    sid: id,
    friendly_name: text,
    inbound_request_url: text,
    inbound_method: word,
    use_inbound_webhook_on_number: flag,
  })
  .transform((record) => ({
    sid: record.sid,
    name: record.friendly_name,
    inboundUrl: record.inbound_request_url,
    inboundMethod: record.inbound_method,
    defersToNumbers: record.use_inbound_webhook_on_number,
  }));

/** Reads a Messaging Service. */
export function readService(value: Record<string, unknown>) {
  return serviceRecord.parse(value);
}

const channelSenderRecord = z
  .object({ sender_id: address, status: word })
  .transform((record) => ({ address: record.sender_id, status: record.status }));

/** Reads a WhatsApp sender. */
export function readChannelSender(value: Record<string, unknown>) {
  return channelSenderRecord.parse(value);
}
