import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { readGatewayCallback } from '../../src/channels/gateway-payloads.ts';
import { isAppError } from '../../src/core/errors.ts';
import { notFarAhead, parseForeignJson, readAttachments, toTime } from '../../src/core/foreign.ts';
import type { HighLevelAnswer } from '../../src/highlevel/answer.ts';
import { listInstalledLocations } from '../../src/highlevel/companies.ts';
import { contactAddress, findOrAddContact } from '../../src/highlevel/contacts.ts';
import { describeLocation } from '../../src/highlevel/locations.ts';
import { listMessages } from '../../src/highlevel/message-list.ts';
import { addInboundMessage } from '../../src/highlevel/messages.ts';
import { readTokenSet } from '../../src/highlevel/oauth.ts';
import { readAppEvent, readDeliveryWebhook } from '../../src/highlevel/payloads.ts';

/** Every reader of JSON that others have shaped: null, absent and empty are one; types may differ; rows are read one by one. */

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const at = new Date('2026-01-01T00:00:00Z');

/** HighLevel that answers a document. */
const answering = (body: unknown) => async (): Promise<HighLevelAnswer> => ({
  status: 200,
  body: (body ?? {}) as Record<string, unknown>,
  text: '',
  traceId: null,
  limits: { remaining: null, intervalMs: null, remainingToday: null, retryAfterMs: null },
});

interface Reader {
  /** A whole document. */
  document: Record<string, unknown>;
  needed: readonly string[];
  read(document: unknown): unknown;
}

const readers: Record<string, Reader> = {
  'a delivery webhook': {
    document: {
      locationId: 'L',
      messageId: 'M',
      contactId: 'C',
      conversationId: 'V',
      userId: 'U',
      message: 'hi',
      phone: '+12025550143',
      emailTo: ['a@b.c'],
      emailFrom: 'x@y.z',
      html: '<p>hi</p>',
      subject: 's',
      attachments: ['https://x.example/a.png'],
      emailMessageId: 'E',
      replyToAltId: 'R',
    },
    needed: ['locationId', 'messageId'],
    read: (document) => readDeliveryWebhook(bytes(document), false),
  },
  'an app event': {
    document: {
      type: 'INSTALL',
      appId: 'A',
      companyId: 'C',
      locationId: 'L',
      webhookId: 'W',
      userId: 'U',
      whitelabelDetails: { domain: 'd.example' },
      timestamp: '2026-01-01T00:00:00.000Z',
    },
    needed: ['webhookId'],
    read: (document) => readAppEvent(bytes(document)),
  },
  'an agency’s tokens': {
    document: {
      access_token: 'a',
      refresh_token: 'r',
      expires_in: 86_399,
      scope: 'x y',
      userType: 'Company',
      companyId: 'C',
      locationId: undefined,
      userId: 'U',
      isBulkInstallation: true,
      installToFutureLocations: true,
    },
    needed: ['access_token', 'expires_in', 'userType', 'companyId'],
    read: (document) => readTokenSet(document as Record<string, unknown>, at),
  },
  'a location’s tokens': {
    document: {
      access_token: 'a',
      expires_in: '86399',
      userType: 'Location',
      locationId: 'L',
      companyId: 'C',
      refresh_token: 'r',
    },
    needed: ['access_token', 'expires_in', 'userType', 'locationId'],
    read: (document) => readTokenSet(document as Record<string, unknown>, at),
  },
  'a listing of locations': {
    document: { locations: [{ _id: 'L1', name: 'One', isInstalled: true }], installToFutureLocations: true },
    needed: ['locations'],
    read: (document) => listInstalledLocations(answering(document), { companyId: 'C', appId: 'A' }, { skip: 0 }),
  },
  'an upserted contact': {
    document: { new: true, contact: { id: 'C', name: 'Maya', dateAdded: '2026-01-01T00:00:00Z' } },
    needed: ['contact'],
    read: (document) => findOrAddContact(answering(document), { locationId: 'L', phone: '+12025550143' }, null, at),
  },
  'a contact': {
    document: { contact: { phone: '+12025550143', email: 'a@b.c' } },
    needed: [],
    read: async (document) => ({ contact: await contactAddress(answering(document), 'L', 'C') }),
  },
  'a location': {
    document: { location: { name: 'One', timezone: 'UTC', country: 'US' } },
    needed: [],
    read: (document) => describeLocation(answering(document), 'L'),
  },
  'a list of messages': {
    document: {
      messages: [{ id: 'M', contactId: 'C', conversationId: 'V', direction: 'inbound', body: 'hi', attachments: [] }],
    },
    needed: [],
    read: async (document) =>
      (await listMessages(answering(document), { locationId: 'L', contactId: 'C', since: at })).messages,
  },
  'a posted message': {
    document: { messageId: 'M', conversationId: 'V', emailMessageId: 'E' },
    needed: ['messageId'],
    async read(document) {
      const ids = { contactId: 'C', direction: 'inbound', externalId: 'x' } as const;
      const post = { ...ids, from: 'f', to: null, text: 't', html: null };
      const rest = { subject: null, attachments: [], emailMessageId: null, occurredAt: null, locationId: 'L' };
      const provider = { key: 'sms', id: 'P', kind: 'sms' } as const;
      const inbound = { ...post, ...rest, provider };
      const { answer: _answer, ...posted } = await addInboundMessage(answering(document), inbound, 'SMS');
      return posted;
    },
  },
  'a gateway’s receipt': {
    document: {
      externalId: 'x',
      status: 'failed',
      error: { code: '1', message: 'no' },
      at: '2026-01-01T00:00:00Z',
      recipient: 'a@b.c',
    },
    needed: ['externalId', 'status'],
    read: (document) => readGatewayCallback('status', bytes(document)),
  },
  'a gateway’s inbound message': {
    document: {
      externalId: 'x',
      from: '+12025550143',
      to: '+12025550100',
      text: 'hi',
      html: '<p>hi</p>',
      subject: 's',
      name: 'Maya',
      attachments: ['https://x.example/a.png'],
      replyToExternalId: 'y',
      at: '2026-01-01T00:00:00Z',
      direction: 'inbound',
    },
    needed: ['externalId', 'from', 'text'],
    read: (document) => readGatewayCallback('inbound', bytes(document)),
  },
};

const each = Object.entries(readers);

/** What a reader makes of a document, or the code of its error. */
async function readingOf(reader: Reader, document: unknown): Promise<unknown> {
  try {
    return await reader.read(document);
  } catch (error) {
    if (isAppError(error)) return { error: error.code };
    throw error;
  }
}

test.each(each)('in %s null, absent and empty are one, field by field', async (_name, reader) => {
  for (const field of Object.keys(reader.document).filter((name) => !reader.needed.includes(name))) {
    const { [field]: _left, ...absent } = reader.document;
    const wanted = await readingOf(reader, absent);
    expect(wanted).not.toHaveProperty('error');
    for (const nothing of [null, '']) {
      expect({ field, nothing, read: await readingOf(reader, { ...reader.document, [field]: nothing }) }).toEqual({
        field,
        nothing,
        read: wanted,
      });
    }
  }
});

test.each(each)('in %s what is not known changes nothing', async (_name, reader) => {
  const whole = await readingOf(reader, reader.document);
  expect(whole).not.toHaveProperty('error');
  expect(await readingOf(reader, { ...reader.document, somethingNew: { deep: [1, null] } })).toEqual(whole);
});

test.each(each)('%s is read or refused with an error of ours, whatever stands in it', async (_name, reader) => {
  const fields = fc.constantFrom(...Object.keys(reader.document));
  await fc.assert(
    fc.asyncProperty(fields, fc.jsonValue(), async (field, value) => {
      await readingOf(reader, { ...reader.document, [field]: value });
    }),
    { numRuns: 150 },
  );
});

test('numbers and texts are read where the other was meant', () => {
  const sms = readDeliveryWebhook(bytes({ locationId: 'L', messageId: 77, message: 482913, phone: 12025550143 }), false);
  expect(sms).toMatchObject({ highlevelMessageId: '77', text: '482913', to: '12025550143' });
  expect(readGatewayCallback('inbound', bytes({ externalId: 5, from: 15550002222, text: 0 }))).toMatchObject({
    inbound: { externalId: '5', from: '15550002222', text: '0' },
  });
});

test('nineteen digits of an id keep all of them, wherever they stand', () => {
  const body = Buffer.from('{"externalId":1234567890123456789,"status":"delivered"}');
  expect(readGatewayCallback('status', body)).toMatchObject({ receipt: { externalId: '1234567890123456789' } });
  const webhook = Buffer.from('{"locationId":"L","messageId":9007199254740993}');
  expect(readDeliveryWebhook(webhook, false).highlevelMessageId).toBe('9007199254740993');
});

test('one row that can’t be read hides no other, and the next page begins after all of them', async () => {
  const locations = [{ _id: 'L1', isInstalled: true }, { name: 'nameless' }, null, 7, { _id: 2, isInstalled: 'true' }];
  const page = await listInstalledLocations(answering({ locations }), { companyId: 'C', appId: 'A' }, { skip: 0 });
  expect(page).toMatchObject({ rows: 5, installed: [{ locationId: 'L1' }, { locationId: '2' }] });
});

test.each([
  [[{ url: 'https://x.example/a' }], ['https://x.example/a'], 0],
  [[{ fileUrl: 'https://x.example/a' }, 'https://x.example/b'], ['https://x.example/a', 'https://x.example/b'], 0],
  ['https://x.example/a', ['https://x.example/a'], 0],
  [{ url: 'https://x.example/a' }, ['https://x.example/a'], 0],
  [null, [], 0],
  [['data:image/png;base64,AAAA', 'https://x.example/a', {}, null, 'javascript:alert(1)'], ['https://x.example/a'], 3],
])('attachments %j are read, and what can’t be is counted', (value, urls, unread) => {
  expect(readAttachments(value)).toEqual({ urls, unread });
});

test('a body with a byte order mark is read; one that is not UTF-8 is refused in words', () => {
  expect(parseForeignJson(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 });
  expect(() => parseForeignJson(Buffer.from('{"a":"é"}', 'latin1'))).toThrow('The body is not UTF-8.');
});

test.each([
  ['0000-01-01T00:00:00Z', undefined],
  ['1969-12-31T23:59:59Z', undefined],
  ['nonsense', undefined],
  ['', undefined],
  [null, undefined],
  ['2026-01-01T09:00:00+01:00', '2026-01-01T08:00:00.000Z'],
  ['2026-01-01T08:00:00', '2026-01-01T08:00:00.000Z'],
  [1_767_254_400, '2026-01-01T08:00:00.000Z'],
  ['1767254400000', '2026-01-01T08:00:00.000Z'],
  ['9999-12-31T23:59:59-23:59', undefined],
])('the time %j is %s', (said, iso) => {
  expect(toTime(said)?.toISOString()).toBe(iso);
});

test('a moment years ahead is a day ahead', () => {
  const now = at.getTime();
  expect(notFarAhead(new Date('2031-01-01'), now)).toEqual(new Date(now + 24 * 60 * 60_000));
  expect(notFarAhead(new Date(now - 5), now)).toEqual(new Date(now - 5));
});

test('JSON of others is parsed in one place, so that no reader forgets these rules', () => {
  const src = resolve(import.meta.dirname, '../../src');
  /** Our own files, our own sealed values, settings, and forms of our own pages. */
  const own = [
    'core/foreign.ts',
    'database/json-rows.ts',
    'database/directory-lock.ts',
    'development-keys.ts',
    'highlevel/user-context-text.ts',
    'http/pages/config-form.ts',
    'http/pages/texts.ts',
    'installations/connections.ts',
    'installations/sealed-config.ts',
    'messages/dead-letters.ts',
    'setting-shapes.ts',
    'version.ts',
  ];
  const parsers = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('sandbox/'))
    .filter((file) => /JSON\.parse\(/.test(readFileSync(resolve(src, file), 'utf8')));
  expect(parsers.filter((file) => !own.includes(file))).toEqual([]);
});
