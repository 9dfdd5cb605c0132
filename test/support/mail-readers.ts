import { findRepliedMessage, readHeaders } from '../../src/channels/mail/headers.ts';
import { classifyMail } from '../../src/channels/mail/machine-mail.ts';
import { readEventWebhook } from '../../src/channels/mailgun/events.ts';
import { readInboundMail } from '../../src/channels/mailgun/inbound.ts';
import {
  readDomain,
  readErrorMessage,
  readEvents,
  readRoutes,
  readSentId,
  readWebhookUrls,
} from '../../src/channels/mailgun/records.ts';
import { readProof } from '../../src/channels/mailgun/signature.ts';
import { toEvents } from '../../src/channels/resend/events.ts';
import {
  readApiError,
  readDomains,
  readDownloadUrl,
  readEvent,
  readReceivedEmail,
  readSentId as readResendId,
  readSentEmail,
  readWebhooks,
} from '../../src/channels/resend/records.ts';
import { parseWithAllDigits, toObject } from '../../src/core/foreign.ts';
import { readTokenResponse } from '../../src/runtime/oauth-tokens.ts';
import type { ForeignReader } from './foreign-readers.ts';

const toRow = (json: string) => toObject(parseWithAllDigits(json));

const messageId = '01890000-0000-7000-8000-000000000001';
const mailgunEvent = {
  ...{ event: 'failed', id: 'x', timestamp: 1521472262.908181, recipient: 'maya@example.com', severity: 'permanent' },
  ...{
    reason: 'suppress-unsubscribe',
    message: { headers: { 'message-id': `${messageId}@mg.example.com`, to: 'maya@example.com' } },
  },
  'delivery-status': { code: 606, 'enhanced-code': '5.1.1', message: 'no', description: 'more' },
  flags: { 'is-routed': false },
  reject: { reason: 'r', description: 'd' },
  'client-info': { bot: 'x' },
};
const bounce = { type: 'Permanent', subType: 'General', message: 'no', reason: 'r' };
const tags = { patchbay_message: messageId, patchbay_connection: 'c' };
const file = { id: '0f1e2d3c-0000-4000-8000-000000000001', filename: 'a.png', content_type: 'image/png' };

/** Readers of the channels for email. */
export const mailReaders: Readonly<Record<string, ForeignReader>> = {
  readTokenResponse: {
    file: 'runtime/oauth-tokens.ts',
    document: { access_token: 'a', refresh_token: 'r', id_token: 'i', scope: 's', expires_in: 3_600, error: 'invalid_grant' },
    required: [],
    errorCodes: [],
    read(json) {
      const { error: problem, ...token } = readTokenResponse(toRow(json));
      return { ...token, problem };
    },
  },
  'headers of an email': {
    file: 'channels/mail/headers.ts',
    document: { 'message-id': '<a@b.c>', 'in-reply-to': '<d@e.f>', references: '<g@h.i> <d@e.f>', 'auto-submitted': 'no' },
    required: [],
    errorCodes: [],
    read(json) {
      const headers = readHeaders(parseWithAllDigits(json));
      return { machine: classifyMail(headers, 'maya@example.com'), replied: findRepliedMessage(headers) };
    },
  },
  'an event of Mailgun': {
    file: 'channels/mailgun/events.ts',
    document: { signature: { timestamp: '1', token: 't', signature: 's' }, 'event-data': mailgunEvent },
    required: ['event-data', 'event-data.event'],
    errorCodes: ['payload_invalid'],
    read: (json) => readEventWebhook(toRow(json), { openedIsRead: true }),
  },
  'the proof of a webhook of Mailgun': {
    file: 'channels/mailgun/signature.ts',
    document: { timestamp: '1', token: 't', signature: 's' },
    required: [],
    errorCodes: [],
    read: (json) => readProof(toRow(json)),
  },
  'an inbound email of Mailgun': {
    file: 'channels/mailgun/inbound.ts',
    document: {
      ...{ from: 'Maya Ray <maya@example.com>', sender: 'maya@example.com', recipient: 'hello@mg.example.com', subject: 's' },
      ...{ 'body-plain': 'hi', 'body-html': '<p>hi</p>', timestamp: '1767225600', 'Message-Id': '<a@b.c>' },
      'message-headers': [
        ['Message-Id', '<a@b.c>'],
        ['In-Reply-To', '<d@e.f>'],
      ],
      attachments: [
        { url: 'https://sw.api.mailgun.net/a', name: 'a.png', 'content-type': 'image/png', size: 3 },
        { url: 'https://sw.api.mailgun.net/b', name: 'b.png', 'content-type': 'image/png', size: 3 },
      ],
    },
    required: ['from', 'attachments.0.url', 'attachments.1.url'],
    lists: ['attachments'],
    errorCodes: ['payload_invalid'],
    read: (json) => readInboundMail(toRow(json), [], { from: 'hello@mg.example.com', domain: 'mg.example.com' }),
  },
  'lists of Mailgun': {
    file: 'channels/mailgun/records.ts',
    document: {
      ...{ id: '<a@b.c>', message: 'no', items: [{ ...mailgunEvent, id: 'R', expression: 'x', actions: ['stop()'] }] },
      domain: { name: 'mg.example.com', state: 'active', type: 'custom', is_disabled: false },
      receiving_dns_records: [{ record_type: 'MX', valid: 'valid' }],
      webhooks: { delivered: { urls: ['https://x.example'] } },
    },
    required: [],
    errorCodes: [],
    read(json) {
      const row = toRow(json);
      const urls = readWebhookUrls(row).get('delivered') ?? [];
      return [readSentId(row), readErrorMessage(row), readEvents(row), readDomain(row), readRoutes(row), urls];
    },
  },
  'an event of Resend': {
    file: 'channels/resend/records.ts',
    document: {
      ...{ type: 'email.bounced', created_at: '2026-01-01T00:00:00Z' },
      data: {
        ...{ email_id: 'e', to: ['maya@example.com'], cc: ['b@example.com'], received_for: ['c@example.com'], tags, bounce },
        ...{ failed: bounce, suppressed: bounce },
      },
    },
    required: [],
    errorCodes: [],
    read: (json) => [readEvent(toRow(json)), toEvents(readEvent(toRow(json)), 'c', true)],
  },
  'a received email of Resend': {
    file: 'channels/resend/records.ts',
    document: {
      ...{ from: 'Maya <maya@example.com>', to: ['hello@example.com'], subject: 's', text: 'hi', html: '<p>hi</p>' },
      ...{ message_id: '<a@b.c>', created_at: '2026-01-01T00:00:00Z', attachments: [file, { ...file, id: 'other' }] },
    },
    required: ['attachments.0.id', 'attachments.1.id'],
    lists: ['attachments'],
    errorCodes: [],
    read: (json) => readReceivedEmail(toRow(json)),
  },
  'other records of Resend': {
    file: 'channels/resend/records.ts',
    document: {
      ...{ id: 'e', name: 'validation_error', message: 'no', last_event: 'delivered', to: ['maya@example.com'] },
      ...{ tags: [{ name: 'patchbay_message', value: messageId }], download_url: 'https://x.example/a' },
      data: [
        { name: 'example.com', status: 'verified', capabilities: { receiving: 'enabled' } },
        { id: 'w', endpoint: 'https://x.example', status: 'enabled', events: ['email.sent'], signing_secret: 'whsec_x' },
      ],
    },
    required: [],
    errorCodes: [],
    read(json) {
      const readers = [readApiError, readResendId, readSentEmail, readDownloadUrl, readDomains, readWebhooks];
      return readers.map((read) => read(toRow(json)));
    },
  },
};
