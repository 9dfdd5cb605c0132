import type { SimMessage } from '../../src/sandbox/vendors/telnyx/state.ts';
import { message, startTelnyxWorld, type TelnyxWorld, toRequest, webhookUrl } from './telnyx-world.ts';

const profileUrl = `${webhookUrl}/webhook`;
const ownUrl = `${profileUrl}/${message.id}`;

async function sendOne(world: TelnyxWorld): Promise<SimMessage> {
  await world.channel.send(world.createContext(), message);
  return world.getLast();
}

describe('a receipt', () => {
  test.each([
    ['delivered', 'delivered'],
    ['delivery_failed', 'failed'],
    ['sending_failed', 'failed'],
    ['expired', 'failed'],
    // A proof of the send, as the address names our message.
    ['queued', 'accepted'],
    ['sending', 'accepted'],
    ['sent', 'accepted'],
    ['delivery_unconfirmed', 'accepted'],
  ])('%s at the message’s own address is %s', async (status, state) => {
    await using world = await startTelnyxWorld();
    const sent = await sendOne(world);
    const events = await world.receive(world.telnyx.signReceipt(ownUrl, { ...sent, status, completedAt: world.clock.now() }));
    expect(events).toMatchObject([{ kind: 'receipt', receipt: { messageId: message.id, externalId: sent.id, state } }]);
  });

  test('delivery_unconfirmed is no failure: at the profile’s address it is no news at all', async () => {
    await using world = await startTelnyxWorld();
    const sent = await sendOne(world);
    for (const status of ['delivery_unconfirmed', 'sent', 'queued']) {
      expect(await world.receive(world.telnyx.signReceipt(profileUrl, { ...sent, status }))).toEqual([]);
    }
    expect(await world.receive(world.telnyx.signReceipt(profileUrl, { ...sent, status: 'delivered' }))).toMatchObject([
      { receipt: { externalId: sent.id, state: 'delivered', messageId: undefined } },
    ]);
  });

  test('of a part names it', async () => {
    await using world = await startTelnyxWorld();
    const sent = await sendOne(world);
    const webhook = world.telnyx.signReceipt(`${ownUrl}-1-2`, { ...sent, status: 'delivered' });
    expect(await world.receive(webhook)).toMatchObject([{ receipt: { part: { index: 1, count: 2 } } }]);
  });

  test('that failed has Telnyx’s code and a reason in words', async () => {
    await using world = await startTelnyxWorld();
    const sent = { ...(await sendOne(world)), status: 'delivery_failed' };
    const receive = (errors: SimMessage['errors']) => world.receive(world.telnyx.signReceipt(ownUrl, { ...sent, errors }));
    expect(await receive([{ code: '40001', title: 'x' }])).toMatchObject([
      { receipt: { error: { code: '40001', message: expect.stringContaining('landline') } } },
    ]);
    expect(await receive([{ code: '49999', title: 'New', detail: 'rule' }])).toMatchObject([
      { receipt: { error: { code: '49999', message: 'New: rule' } } },
    ]);
    expect(await receive([])).toMatchObject([
      { receipt: { error: { code: 'delivery_failed', message: expect.stringContaining('without a reason') } } },
    ]);
  });

  test('40300 is an opt-out by its text, and a carrier’s block without it', async () => {
    await using world = await startTelnyxWorld();
    const sent = { ...(await sendOne(world)), status: 'delivery_failed' };
    const receive = (title: string) =>
      world.receive(world.telnyx.signReceipt(ownUrl, { ...sent, errors: [{ code: '40300', title }] }));
    expect((await receive('Blocked due to STOP message')).map(({ kind }) => kind)).toEqual(['receipt', 'opt_out']);
    expect((await receive('Rejected by the carrier')).map(({ kind }) => kind)).toEqual(['receipt']);
  });

  test.each(['20100', '40312', '40314', '40333'])('%s holds the connection, as all messages would fail', async (code) => {
    await using world = await startTelnyxWorld();
    const sent = { ...(await sendOne(world)), status: 'sending_failed', errors: [{ code, title: 'x' }] };
    expect(await world.receive(world.telnyx.signReceipt(ownUrl, sent))).toMatchObject([
      { kind: 'receipt' },
      { kind: 'connection', status: 'down', code },
    ]);
  });
});

describe('a failure of the sender or its profile', () => {
  const receive = async (code: string, change: Partial<SimMessage>, config = {}) => {
    await using world = await startTelnyxWorld();
    const sent = { ...(await sendOne(world)), status: 'sending_failed', errors: [{ code, title: 'x' }], ...change };
    return (await world.receive(world.telnyx.signReceipt(ownUrl, sent), config)).map(({ kind }) => kind);
  };
  const profileId = '40010000-0000-4000-a000-00000000000a';
  const otherId = '40010000-0000-4000-a000-00000000000b';

  test.each(['40312', '40314', '40333'])('%s holds no connection with another one', async (code) => {
    expect(await receive(code, { from: '+12025550199' })).toEqual(['receipt']);
    const byProfile = { messagingProfileId: profileId };
    const byName = { ...byProfile, from: 'Harbour' };
    for (const config of [byProfile, byName]) {
      expect(await receive(code, { profileId: otherId }, config)).toEqual(['receipt']);
      expect(await receive(code, { profileId }, config)).toEqual(['receipt', 'connection']);
    }
  });

  test('is not a lack of funds, which holds the connection whatever the sender', async () => {
    expect(await receive('20100', { from: '+12025550199', profileId: otherId })).toEqual(['receipt', 'connection']);
  });
});

describe('an inbound message', () => {
  const text = { from: message.to, text: 'hi' };

  test('has its text, its numbers, its time and its files, which need no key', async () => {
    await using world = await startTelnyxWorld();
    const media = [{ data: Buffer.from('x'), contentType: 'image/png' }];
    const events = await world.receive(world.telnyx.signInbound(profileUrl, { ...text, to: world.from, media }));
    expect(events).toMatchObject([
      {
        kind: 'inbound',
        inbound: {
          ...{ externalId: world.getLast().id, from: message.to, to: world.from, text: 'hi', sentExternally: false },
          ...{ occurredAt: new Date('2026-03-01T10:00:00Z'), attachments: [{ url: expect.stringContaining('/media/') }] },
        },
      },
    ]);
  });

  test('to a group names the connection’s own number, and is one message', async () => {
    await using world = await startTelnyxWorld();
    const to = ['+12025550155', world.from].map((number) => ({ phone_number: number, status: 'webhook_delivered' }));
    const webhook = world.telnyx.signInbound(profileUrl, { ...text, to: world.from, fields: { to } });
    expect(await world.receive(webhook)).toMatchObject([{ inbound: { to: world.from } }]);
  });

  test.each([
    ['STOP', true],
    ['START', false],
  ])('with autoresponse_type %s is an opt-out of its kind, in any words', async (type, optedOut) => {
    await using world = await startTelnyxWorld();
    const inbound = { ...text, text: 'basta ya', to: world.from, fields: { autoresponse_type: type } };
    expect(await world.receive(world.telnyx.signInbound(profileUrl, inbound))).toMatchObject([
      { kind: 'opt_out', optOut: { address: message.to, optedOut, category: 'all', reason: 'BASTA YA' } },
      { kind: 'inbound' },
    ]);
  });

  test('with another autoresponse_type is none, and without one the default words count', async () => {
    await using world = await startTelnyxWorld();
    const receive = async (words: string, fields: object) =>
      (
        await world.receive(
          world.telnyx.signInbound(profileUrl, { ...text, text: words, to: world.from, fields: { ...fields } }),
        )
      ).map(({ kind }) => kind);
    expect(await receive('stop', { autoresponse_type: 'HELP' })).toEqual(['inbound']);
    expect(await receive(' Stop  all ', { autoresponse_type: null })).toEqual(['opt_out', 'inbound']);
    expect(await receive('please stop by', { autoresponse_type: null })).toEqual(['inbound']);
  });

  test('without text and files is shown as such', async () => {
    await using world = await startTelnyxWorld();
    const webhook = world.telnyx.signInbound(profileUrl, { ...text, text: '', to: world.from });
    expect(await world.receive(webhook)).toMatchObject([{ inbound: { text: '[Message without text]' } }]);
  });
});

test('events of other kinds are authentic and hold no content for us', async () => {
  await using world = await startTelnyxWorld();
  const webhook = world.telnyx.sign(profileUrl, { data: { event_type: 'number_order.complete', payload: {} } });
  const result = await world.channel.webhooks?.receive(world.createContext(), toRequest(webhook));
  expect(result?.events).toEqual([]);
});

test('other paths, methods and bodies are refused', async () => {
  await using world = await startTelnyxWorld();
  const receive = async (change: object, body: unknown = { data: { event_type: 'message.received', payload: {} } }) =>
    world.channel.webhooks?.receive(world.createContext(), { ...toRequest(world.telnyx.sign(profileUrl, body)), ...change });
  await expect(receive({ path: 'status' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(receive({ path: 'webhook/../x' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(receive({ method: 'GET' })).rejects.toMatchObject({ code: 'method_not_allowed' });
  await expect(receive({})).rejects.toMatchObject({ code: 'payload_invalid' });
  for (const body of ['', 'x', '[]', '{}']) await expect(receive({}, body)).rejects.toMatchObject({ code: 'payload_invalid' });
  const receipt = { data: { event_type: 'message.finalized', payload: {} } };
  await expect(receive({}, receipt)).rejects.toMatchObject({ code: 'payload_invalid' });
});
