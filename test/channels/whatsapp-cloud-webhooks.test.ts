import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import type { ChannelEvent, InboundContent, WebhookRequest } from '../../src/channels/channel.ts';
import type { WhatsAppConfig, WhatsAppContext } from '../../src/channels/whatsapp-cloud/config.ts';
import { readWebhook } from '../../src/channels/whatsapp-cloud/read-webhook.ts';
import { whatsAppWebhooks } from '../../src/channels/whatsapp-cloud/webhooks.ts';
import { isAppError } from '../../src/core/errors.ts';
import { toMetaJson } from '../../src/sandbox/vendors/whatsapp-cloud/webhooks.ts';
import { metadata, owner, readAll, toBody } from './whatsapp-cloud-updates.ts';

const config = { ...owner, appSecret: 'patchbay-test-app-secret', verifyToken: 'right-token' } as WhatsAppConfig;
const logged: unknown[][] = [];
const log = { warn: (...given: unknown[]) => void logged.push(given), debug: () => {} };

const contextWith = (previousConfig?: Partial<WhatsAppConfig>) =>
  ({ connection: { id: 'c', config, previousConfig, webhookUrl: '' }, log }) as unknown as WhatsAppContext;

function request(body: string | Buffer, signature: string): WebhookRequest {
  const headers = { 'x-hub-signature-256': signature };
  return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body: Buffer.from(body) };
}

const sign = (body: string, secret = config.appSecret) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;

/** The vector of Meta's form: non-ASCII letters and slashes are escaped. */
const vector =
  '{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":"106540352242922"},"contacts":[{"profile":{"name":"Zo\\u00eb"},"wa_id":"16505551234"}],"messages":[{"from":"16505551234","id":"wamid.TEST1","timestamp":"1749416383","type":"text","text":{"body":"Caf\\u00e9 \\ud83d\\ude42 https:\\/\\/x.example\\/a"}}]},"field":"messages"}]}]}';
const vectorSignature = 'sha256=eafbcc63157a488f5258983d5fecd4111a72f6b1a41a761a6305d570600ed68c';

test('the signature counts over the raw bytes: the same JSON written again is refused', async () => {
  expect(Buffer.byteLength(vector)).toBe(458);
  const { events } = await whatsAppWebhooks.receive(contextWith(), request(vector, vectorSignature));
  expect(events).toEqual([
    {
      kind: 'inbound',
      inbound: expect.objectContaining({
        externalId: 'wamid.TEST1',
        from: '+16505551234',
        name: 'Zoë',
        text: 'Café 🙂 https://x.example/a',
      }),
    },
  ]);
  const again = JSON.stringify(JSON.parse(vector));
  expect(sign(again).startsWith('sha256=17ab82ff')).toBe(true);
  expect(() => whatsAppWebhooks.receive(contextWith(), request(again, vectorSignature))).toThrow('signature');
  expect(toMetaJson(JSON.parse(vector))).toBe(vector);
});

test.each([
  ['another secret', sign(vector, 'other')],
  ['another algorithm', vectorSignature.replace('sha256', 'sha1')],
  ['no digest', 'sha256='],
  ['an empty header', ''],
])('a signature with %s is refused', (_name, signature) => {
  expect(() => whatsAppWebhooks.receive(contextWith(), request(vector, signature))).toThrow('signature');
});

test('an app secret that was replaced counts for a day', async () => {
  const { events } = await whatsAppWebhooks.receive(
    contextWith({ appSecret: 'older-secret' }),
    request(vector, sign(vector, 'older-secret')),
  );
  expect(events).toHaveLength(1);
});

test.each([
  ['the right token', 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=right-token', '1158201444'],
  ['another token', 'hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=wrong', null],
  ['no token', 'hub.mode=subscribe&hub.challenge=1158201444', null],
  ['another mode', 'hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=right-token', null],
  ['a challenge with markup', 'hub.mode=subscribe&hub.challenge=<b>&hub.verify_token=right-token', null],
])('Meta’s question with %s', async (_name, query, challenge) => {
  const get = () =>
    whatsAppWebhooks.receive(contextWith(), {
      ...{ method: 'GET', path: 'webhook', query: new URLSearchParams(query), headers: {}, body: Buffer.alloc(0) },
    });
  if (challenge === null) expect(get).toThrow(expect.objectContaining({ code: 'forbidden' }));
  else expect((await get()).response).toEqual({ status: 200, contentType: 'text/plain', body: challenge });
});

test('a body of 3 MB fits, and another path does not exist', () => {
  expect(whatsAppWebhooks.maxBodyBytes).toBeGreaterThan(3 * 1024 * 1024);
  expect(() => whatsAppWebhooks.receive(contextWith(), { ...request('{}', sign('{}')), path: 'status' })).toThrow(
    expect.objectContaining({ code: 'not_found' }),
  );
});

test.each([
  ['sent', 'accepted'],
  ['delivered', 'delivered'],
  ['read', 'read'],
  ['played', 'read'],
  ['DELIVERED ', 'delivered'],
])('the status %s is the receipt %s, with our id and the part', (status, state) => {
  const id = '0191d4e0-0000-7000-8000-000000000000';
  const row = {
    id: 'wamid.1',
    status,
    timestamp: '1749416383',
    recipient_id: '16505551234',
    biz_opaque_callback_data: `${id}:1/3`,
  };
  // Contacts come with statuses too.
  expect(readAll({ contacts: [{ wa_id: '16505551234' }], statuses: [row] })).toEqual([
    {
      kind: 'receipt',
      receipt: {
        messageId: id,
        part: { index: 1, count: 3 },
        externalId: 'wamid.1',
        state,
        occurredAt: new Date(1749416383000),
      },
    },
  ]);
});

test.each(['deleted', 'warning', 'constructor', '__proto__'])('the status %s is no receipt', (status) => {
  expect(readAll({ statuses: [{ id: 'wamid.1', status }] })).toEqual([]);
});

test.each([
  [131047, 'window_closed', 'approved template', []],
  [131026, '131026', 'not on WhatsApp', []],
  [131042, '131042', 'payment', [expect.objectContaining({ kind: 'connection', status: 'down', code: '131042' })]],
  [131000, '131000', 'Resend', []],
  [999999, '999999', 'refused', []],
  [
    131050,
    '131050',
    'marketing',
    [{ kind: 'opt_out', optOut: expect.objectContaining({ address: '+16505551234', optedOut: true, category: 'marketing' }) }],
  ],
])('a status that failed with %i has the code %s, and words for a person', (code, expected, words, more) => {
  const errors = [{ code, title: 'Title', message: 'Title', error_data: { details: 'Details' } }];
  const [receipt, ...others] = readAll({ statuses: [{ id: 'w', status: 'failed', recipient_id: '16505551234', errors }] });
  expect(receipt).toMatchObject({ receipt: { state: 'failed', error: { code: expected } } });
  expect(JSON.stringify(receipt)).toMatch(new RegExp(`Title: Details.*${words}`));
  expect(others).toEqual(more);
});

test('data of another program in a status leaves its id to decide', () => {
  const [event] = readAll({ statuses: [{ id: 'w', status: 'sent', biz_opaque_callback_data: 'order-7:1/2' }] });
  expect(event).toEqual({ kind: 'receipt', receipt: { externalId: 'w', state: 'accepted', occurredAt: undefined } });
});

test('a batch of 1,000 mixed updates is read whole, in order, and one unreadable update hides no other', () => {
  const statuses = Array.from({ length: 500 }, (_, index) => ({ id: `s${index}`, status: 'delivered' }));
  const messages = Array.from({ length: 500 }, (_, index) => ({
    id: `m${index}`,
    from: '16505551234',
    type: 'text',
    text: { body: 'x' },
  }));
  const { events, unreadCount } = readWebhook(
    toBody({
      statuses: statuses.toSpliced(7, 0, null as never, { id: '', status: 'read' }),
      messages: messages.toSpliced(3, 0, {} as never),
    }),
    owner,
  );
  expect(events).toHaveLength(1_000);
  expect(unreadCount).toBe(3);
  expect(
    events.filter(({ kind }) => kind === 'inbound').map((event) => (event as { inbound: InboundContent }).inbound.externalId),
  ).toEqual(messages.map(({ id }) => id));
});

test('updates of another number of the same app, of groups and of unknown fields are ignored', () => {
  const other = { metadata: { phone_number_id: '999' }, messages: [{ id: 'm', from: '1', type: 'text' }] };
  expect(readAll(other)).toEqual([]);
  expect(readAll({ messages: [{ id: 'm', from: '16505551234', group_id: 'g', type: 'text', text: { body: 'x' } }] })).toEqual(
    [],
  );
  expect(readAll({ history: [{}] }, 'history')).toEqual([]);
  expect(readAll({ history: [{}] }, 'constructor')).toEqual([]);
});

test.each([
  ['stop', true],
  ['resume', false],
  ['signup', false],
])('the preference %s is about marketing alone', (value, optedOut) => {
  const row = { wa_id: '5215512345678', category: 'marketing_messages', value, timestamp: 1749416383, detail: 'words' };
  expect(readAll({ user_preferences: [row, {}] }, 'user_preferences')).toEqual([
    {
      kind: 'opt_out',
      optOut: {
        address: '+525512345678',
        optedOut,
        category: 'marketing',
        occurredAt: new Date(1749416383000),
        reason: 'words',
      },
    },
  ]);
});

test.each([
  [{ event: 'ACCOUNT_DELETED' }, 'down'],
  [{ event: 'PARTNER_REMOVED' }, 'down'],
  [{ event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'DISABLE' } }, 'down'],
  [{ event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'REINSTATE' } }, 'up'],
  [{ event: 'DISABLED_UPDATE', ban_info: { waba_ban_state: 'SCHEDULE_FOR_DISABLE' } }, undefined],
  [
    { event: 'ACCOUNT_RESTRICTION', restriction_info: [{ restriction_type: 'RESTRICTED_CUSTOMER_INITIATED_MESSAGING' }] },
    'down',
  ],
  [{ event: 'ACCOUNT_RESTRICTION', restriction_info: [{ restriction_type: 'RESTRICTED_BIZ_INITIATED_MESSAGING' }] }, undefined],
  [{ event: 'VERIFIED_ACCOUNT' }, undefined],
])('the account’s update %j', (value, status) => {
  expect(readAll(value, 'account_update').map((event) => event.kind === 'connection' && event.status)).toEqual(
    status ? [status] : [],
  );
  const other = { ...owner, businessAccountId: '5' };
  expect(readWebhook(toBody(value, 'account_update'), other).events).toEqual([]);
});

test('errors without a message are logged, and one about the account is an event', async () => {
  const value = {
    metadata,
    errors: [
      { code: 130429, title: 'Rate limit hit' },
      { code: 131031, title: 'Locked' },
    ],
  };
  const body = JSON.stringify({ entry: [{ id: '1', changes: [{ field: 'messages', value }] }] });
  const { events } = await whatsAppWebhooks.receive(contextWith(), request(body, sign(body)));
  expect(events).toEqual([expect.objectContaining({ kind: 'connection', status: 'down', code: '131031' })]);
  expect(logged).toContainEqual([{ errors: ['Rate limit hit (130429)', 'Locked (131031)'] }, expect.any(String)]);
});

test('any JSON is read or refused as documented, and a readable update beside it survives', () => {
  const good = { id: 'good', from: '16505551234', type: 'text', text: { body: 'good' } };
  const isGood = (event: ChannelEvent) => event.kind === 'inbound' && event.inbound.externalId === 'good';
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('messages', 'statuses', 'contacts', 'errors'), (value, name) => {
      const list = name === 'messages' ? { messages: [value, good] } : { messages: [good], [name]: value };
      expect(readWebhook(toBody(list), owner).events.some(isGood)).toBe(true);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      try {
        readWebhook(Buffer.from(text), owner);
      } catch (error) {
        if (!isAppError(error, 'payload_invalid')) throw error;
      }
    }),
  );
});
