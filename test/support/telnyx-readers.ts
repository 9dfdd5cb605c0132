import { readApiErrors } from '../../src/channels/telnyx/api.ts';
import { readInboundMessage } from '../../src/channels/telnyx/inbound.ts';
import {
  readBalance,
  readDetailRecord,
  readMessageRecord,
  readNumber,
  readProfile,
} from '../../src/channels/telnyx/records.ts';
import { readTelnyxWebhook } from '../../src/channels/telnyx/webhooks.ts';
import { parseWithAllDigits, toObject } from '../../src/core/foreign.ts';
import type { ForeignReader } from './foreign-readers.ts';

/** Reads JSON as the channel reads a response, or a row of it. */
const toRow = (json: string) => toObject(parseWithAllDigits(json));

const failed = {
  ...{ id: 'm1', direction: 'outbound', from: { phone_number: '+12025550120' }, text: 'hi', messaging_profile_id: 'p1' },
  to: [{ phone_number: '+12025550143', status: 'delivery_failed' }],
  errors: [{ code: '40300', title: 'Blocked', detail: 'STOP' }],
  ...{ completed_at: '2026-01-01T00:00:00Z', sent_at: '2026-01-01T00:00:00Z', received_at: '2026-01-01T00:00:00Z' },
};

/** Readers of the channel for Telnyx. */
export const telnyxReaders: Readonly<Record<string, ForeignReader>> = {
  'errors of Telnyx': {
    file: 'channels/telnyx/api.ts',
    document: { errors: [{ code: '40300', title: 'Blocked', detail: 'more', meta: { url: 'https://x.example' } }] },
    required: [],
    errorCodes: [],
    read: (json) => readApiErrors(toRow(json).errors),
  },
  'Telnyx’s record of a message': {
    file: 'channels/telnyx/records.ts',
    document: failed,
    required: [],
    errorCodes: [],
    read: (json) => readMessageRecord(toRow(json)),
  },
  'other records of Telnyx': {
    file: 'channels/telnyx/records.ts',
    document: {
      ...{ uuid: 'u1', direction: 'outbound', cld: '+1', cli: '+2', created_at: '2026-01-01T00:00:00Z' },
      ...{ id: 'p1', name: 'Front desk', enabled: true, webhook_url: 'https://x.example', webhook_api_version: '2' },
      ...{ phone_number: '+12025550120', messaging_profile_id: 'p1', type: 'longcode', balance: '1.00' },
      ...{ available_credit: '2.00', currency: 'USD', features: { sms: { domestic_two_way: true } } },
    },
    required: [],
    errorCodes: [],
    read(json) {
      const row = toRow(json);
      return [readDetailRecord(row), readProfile(row), readNumber(row), readBalance(row)];
    },
  },
  'a receipt of Telnyx': {
    file: 'channels/telnyx/webhooks.ts',
    document: { data: { event_type: 'message.finalized', id: 'e1', occurred_at: '2026-01-01T00:00:00Z', payload: failed } },
    required: ['data', 'data.event_type'],
    errorCodes: ['payload_invalid'],
    read: (json) => readTelnyxWebhook(Buffer.from(json), { messageId: 'x' }),
  },
  'an inbound message of Telnyx': {
    file: 'channels/telnyx/inbound.ts',
    document: {
      ...{ id: 'm1', from: { phone_number: '+12025550143' }, to: [{ phone_number: '+12025550120' }], text: 'hi' },
      ...{ subject: 's', type: 'MMS', media: [{ url: 'https://x.example/a' }], received_at: '2026-01-01T00:00:00Z' },
      autoresponse_type: 'STOP',
    },
    required: ['id', 'from', 'from.phone_number'],
    errorCodes: ['payload_invalid'],
    read: (json) => readInboundMessage(toRow(json), '+12025550120', undefined),
  },
};
