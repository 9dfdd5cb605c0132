import { readApiError, readNextPath } from '../../src/channels/twilio/api.ts';
import { readInboundMessage } from '../../src/channels/twilio/inbound.ts';
import {
  readAccount,
  readChannelSender,
  readMessageRecord,
  readNumber,
  readPoolNumber,
  readService,
} from '../../src/channels/twilio/records.ts';
import { readStatusCallback } from '../../src/channels/twilio/status.ts';
import { readFields } from '../../src/channels/twilio/webhooks.ts';
import { parseWithAllDigits, toObject } from '../../src/core/foreign.ts';
import type { ForeignReader } from './foreign-readers.ts';

/** Reads JSON as the channel reads a response, or a row of it. */
const toTwilioRow = (json: string) => toObject(parseWithAllDigits(json));

/** Readers of the channel for Twilio. */
export const twilioReaders: Readonly<Record<string, ForeignReader>> = {
  'an error of Twilio': {
    file: 'channels/twilio/api.ts',
    document: { code: 21211, message: 'no', detail: 'more', title: 'Bad Request', status: 400, more_info: 'https://x.example' },
    required: [],
    errorCodes: [],
    read: (json) => readApiError(toTwilioRow(json)),
  },
  'a page of a list of Twilio': {
    file: 'channels/twilio/api.ts',
    document: { next_page_uri: '/x.json?Page=1', meta: { next_page_url: 'https://api.twilio.com/x?Page=1' } },
    required: [],
    errorCodes: [],
    read: (json) => ({ path: readNextPath(toTwilioRow(json), 'https://api.twilio.com') }),
  },
  'Twilio’s record of a message': {
    file: 'channels/twilio/records.ts',
    document: {
      ...{ sid: 'SM1', status: 'sent', direction: 'outbound-api', to: '+1', from: '+2', body: 'hi', num_media: '0' },
      ...{ messaging_service_sid: 'MG1', error_code: 30003, error_message: 'off' },
      ...{ date_created: '2026-01-01T00:00:00Z', date_updated: '2026-01-01T00:00:00Z' },
    },
    required: [],
    errorCodes: [],
    read: (json) => readMessageRecord(toTwilioRow(json)),
  },
  'other records of Twilio': {
    file: 'channels/twilio/records.ts',
    document: {
      ...{ sid: 'PN1', phone_number: '+1', short_code: '123', friendly_name: 'One', status: 'active', type: 'Full' },
      ...{
        capabilities: { sms: true, mms: false },
        sms_url: 'https://x.example',
        sms_method: 'POST',
        sms_application_sid: 'AP1',
      },
      ...{
        inbound_request_url: 'https://x.example',
        inbound_method: 'POST',
        use_inbound_webhook_on_number: false,
        sender_id: 'x',
      },
    },
    required: [],
    errorCodes: [],
    read(json) {
      const readers = [readAccount, readChannelSender, readNumber, readPoolNumber, readService];
      return readers.map((read) => read(toTwilioRow(json)));
    },
  },
  'a status callback of Twilio': {
    file: 'channels/twilio/status.ts',
    document: {
      ...{ MessageSid: 'SM1', SmsSid: 'SM1', MessageStatus: 'failed', SmsStatus: 'failed', From: '+2', To: '+12025550143' },
      ...{ ErrorCode: '63014', ErrorMessage: 'no', ChannelStatusMessage: 'more' },
    },
    required: [],
    errorCodes: ['payload_invalid'],
    read: (json) => readStatusCallback(toTwilioRow(json), {}),
  },
  'an inbound message of Twilio': {
    file: 'channels/twilio/inbound.ts',
    document: {
      ...{ MessageSid: 'SM1', SmsMessageSid: 'SM1', SmsSid: 'SM1', From: 'whatsapp:+12025550143', To: '+12025550100' },
      ...{ Body: 'hi', OptOutType: 'STOP', ProfileName: 'Maya', MessageType: 'text', ButtonText: 'b', ButtonPayload: 'p' },
      ...{ Latitude: '1.5', Longitude: '2.5', Address: 'a', Label: 'l', OriginalRepliedMessageSid: 'SM2' },
      ...{ NumMedia: '1', MediaUrl0: 'https://api.twilio.com/x', MediaContentType0: 'image/png' },
    },
    required: ['From'],
    errorCodes: ['payload_invalid'],
    read: (json) => readInboundMessage(toTwilioRow(json), { from: undefined }),
  },
  'a webhook of Twilio in JSON': {
    file: 'channels/twilio/webhooks.ts',
    document: { MessageSid: 'SM1', MessageStatus: 'delivered' },
    required: ['MessageStatus'],
    errorCodes: ['payload_invalid'],
    read(json) {
      const fields = readFields({ query: new URLSearchParams('bodySHA256=x'), body: Buffer.from(json) });
      return readStatusCallback(fields, { messageId: 'x' });
    },
  },
};
