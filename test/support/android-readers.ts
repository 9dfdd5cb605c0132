import { readMessage } from '../../src/channels/android-sms-gateway/api.ts';
import { readAndroidWebhook } from '../../src/channels/android-sms-gateway/events.ts';
import { readDevice, readMessageRecord, readWebhookRecord } from '../../src/channels/android-sms-gateway/records.ts';
import { parseWithAllDigits, toObject } from '../../src/core/foreign.ts';
import type { ForeignReader } from './foreign-readers.ts';

/** Reads JSON as the channel reads a response, or a row of it. */
const toRow = (json: string) => toObject(parseWithAllDigits(json));

const parties = { messageId: 'm1', sender: '+12025550143', recipient: '+12025550130', simNumber: 1 };
const at = '2026-01-01T00:00:00Z';

/** Readers of the channel for the Android SMS gateway. */
export const androidReaders: Readonly<Record<string, ForeignReader>> = {
  'an error of the SMS gateway': {
    file: 'channels/android-sms-gateway/api.ts',
    document: { message: 'record not found' },
    required: [],
    errorCodes: [],
    read: (json) => ({ message: readMessage(parseWithAllDigits(json)) }),
  },
  'records of the SMS gateway': {
    file: 'channels/android-sms-gateway/records.ts',
    document: {
      ...{ id: 'm1', state: 'Failed', recipients: [{ phoneNumber: '0123', state: 'Failed', error: 'RESULT_ERROR' }] },
      ...{ states: { Pending: at, Failed: at }, name: 'Pixel', lastSeen: at, url: 'https://x.example', event: 'sms:sent' },
      ...{ deviceId: 'd1', simCards: [{ simNumber: 1, phoneNumber: '+12025550130', carrierName: 'Example' }] },
    },
    required: [],
    errorCodes: [],
    read(json) {
      const row = toRow(json);
      return [readMessageRecord(row), readDevice(row), readWebhookRecord(row)];
    },
  },
  'a receipt of the SMS gateway': {
    file: 'channels/android-sms-gateway/events.ts',
    document: {
      ...{ id: 'e1', event: 'sms:failed', deviceId: 'd1', webhookId: 'w1' },
      payload: { ...parties, reason: 'no', failedAt: at },
    },
    required: ['id', 'event', 'payload', 'payload.messageId'],
    errorCodes: ['payload_invalid'],
    read: (json) => readAndroidWebhook(Buffer.from(json)),
  },
  'a picture message of the SMS gateway': {
    file: 'channels/android-sms-gateway/events.ts',
    document: {
      ...{ id: 'e1', event: 'mms:downloaded', deviceId: 'd1' },
      payload: {
        ...{ ...parties, subject: 's', body: 'b', receivedAt: at },
        attachments: [{ partId: 1, contentType: 'image/png', name: 'a.png', data: 'aGk=', size: 2 }],
      },
    },
    required: ['id', 'event', 'payload', 'payload.sender'],
    errorCodes: ['payload_invalid'],
    read: (json) => readAndroidWebhook(Buffer.from(json)),
  },
};
