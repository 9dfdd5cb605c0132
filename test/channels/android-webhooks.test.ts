import { png } from '../support/sample-files.ts';
import { type AndroidWorld, message, startAndroidWorld, toRequest, webhookUrl } from './android-world.ts';

const url = `${webhookUrl}/webhook`;
const contact = message.to;

async function sendOne(world: AndroidWorld, key: string = message.id) {
  await world.channel.send(world.createContext(), { ...message, idempotencyKey: key });
  return world.getLast();
}

describe('a receipt', () => {
  test('names the message by its id, and by ours where it is ours', async () => {
    await using world = await startAndroidWorld();
    const sent = await sendOne(world);
    const receive = (state: 'Sent' | 'Delivered' | 'Failed', error: string | null = null) =>
      world.receive(world.android.signReceipt(url, { ...sent, state, error }));
    const ids = { messageId: message.id, externalId: message.id };
    expect(await receive('Sent')).toMatchObject([{ receipt: { ...ids, state: 'accepted' } }]);
    expect(await receive('Delivered')).toMatchObject([{ receipt: { ...ids, state: 'delivered' } }]);
    expect(await receive('Failed', 'RESULT_ERROR_NULL_PDU: 3')).toMatchObject([
      {
        receipt: {
          ...ids,
          state: 'failed',
          error: { code: 'result_error_null_pdu', message: expect.stringContaining('NULL_PDU') },
        },
      },
    ]);
    expect(await receive('Failed')).toMatchObject([{ receipt: { error: { code: 'phone_failed' } } }]);
  });

  test('that a message was sent is no delivery, and of another program’s message no news', async () => {
    await using world = await startAndroidWorld();
    const sent = { ...(await sendOne(world, 'of-another-program')), state: 'Sent' as const };
    expect(await world.receive(world.android.signReceipt(url, sent))).toEqual([]);
    const cancelled = { ...sent, state: 'Cancelled' as const };
    expect(await world.receive(world.android.signReceipt(url, cancelled))).toMatchObject([
      { receipt: { externalId: sent.id, messageId: undefined, state: 'failed', error: { code: 'cancelled' } } },
    ]);
  });
});

describe('an inbound message', () => {
  test('has its text, its numbers and the time at which the phone received it, also hours later', async () => {
    await using world = await startAndroidWorld();
    const webhook = world.android.signInbound(url, { from: contact, text: 'hi', id: 'e1' });
    const { body } = webhook;
    await world.clock.tick(5 * 60 * 60_000);
    // The phone signs each attempt anew.
    expect(await world.receive(world.android.signBody(url, body))).toMatchObject([
      {
        kind: 'inbound',
        inbound: {
          ...{ externalId: 'e1', from: contact, to: '+12025550130', text: 'hi', sentExternally: false, attachments: [] },
          occurredAt: new Date('2026-03-01T10:00:00Z'),
        },
      },
    ]);
    await expect(world.receive(webhook)).rejects.toMatchObject({ code: 'signature_invalid' });
  });

  test('is known by the event’s id: two with the same hash are two', async () => {
    await using world = await startAndroidWorld();
    const fields = { messageId: 'the-same-hash' };
    const ids = [];
    for (const id of ['e1', 'e2']) {
      const [event] = await world.receive(world.android.signInbound(url, { from: contact, text: 'ok', id, fields }));
      ids.push(event?.kind === 'inbound' ? event.inbound.externalId : null);
    }
    expect(ids).toEqual(['e1', 'e2']);
  });

  test('of an older version of the app names its sender as phoneNumber', async () => {
    await using world = await startAndroidWorld();
    const webhook = world.android.signInbound(url, { from: contact, text: 'hi', fields: { sender: null } });
    expect(await world.receive(webhook)).toMatchObject([{ inbound: { from: contact } }]);
    const { account } = world;
    const body = JSON.stringify({ id: 'e', event: 'sms:received', payload: { messageId: 'm' } });
    expect(account.signingKey).toMatch(/\w/);
    const request = toRequest(world.android.signBody(url, body));
    await expect(world.channel.webhooks?.receive(world.createContext(), request)).rejects.toMatchObject({
      code: 'payload_invalid',
    });
  });

  test('with pictures has them in the webhook itself: they are fetched without a request', async () => {
    await using world = await startAndroidWorld();
    const media = [
      { data: Buffer.from('<smil/>'), contentType: 'application/smil' },
      { data: png, contentType: 'image/png', name: 'tooth.png' },
    ];
    const [event] = await world.receive(world.android.signInbound(url, { from: contact, text: 'look', media }));
    if (event?.kind !== 'inbound') throw new Error('This is no message.');
    expect(event.inbound).toMatchObject({ text: 'look', attachments: [{ name: 'tooth.png', contentType: 'image/png' }] });
    const [file] = event.inbound.attachments;
    const before = world.calls.length;
    const fetched = await world.channel.fetchAttachment?.(world.createContext(), file && 'ref' in file ? file.ref : '');
    expect(fetched).toMatchObject({ kind: 'fetched', bytes: png.length, contentType: 'image/png' });
    expect(world.calls).toHaveLength(before);
    const foreign = await world.channel.fetchAttachment?.(world.createContext(), 'https://elsewhere.example/x');
    expect(foreign).toMatchObject({ kind: 'rejected' });
  });

  test('a picture that is missing or too large is named, and the rest arrives', async () => {
    await using world = await startAndroidWorld();
    const attachments = [
      { partId: 1, contentType: 'image/png', name: 'a', size: 0, data: null },
      { partId: 2, contentType: 'image/png', name: 'b', size: 1, data: 'A'.repeat(3_000_004) },
      { partId: 3, contentType: 'image/png', name: 'c', size: 1, data: png.toString('base64') },
    ];
    const inbound = { from: contact, media: [{ data: png, contentType: 'image/png' }], fields: { attachments } };
    expect(await world.receive(world.android.signInbound(url, inbound))).toMatchObject([
      { inbound: { attachments: [{ name: 'c' }], text: expect.stringContaining('2 files left out') } },
    ]);
  });

  test('of which only the notice comes is shown as such', async () => {
    await using world = await startAndroidWorld();
    const payload = { messageId: 'm', sender: contact, subject: 'Hi', transactionId: 't', size: 9 };
    const request = toRequest(world.android.sign(url, 'mms:received', payload));
    const result = await world.channel.webhooks?.receive(world.createContext(), request);
    expect(result?.events).toMatchObject([{ inbound: { from: contact, text: 'Hi\n[Picture message: open it on the phone]' } }]);
  });
});

test('a webhook of another phone of the account is left to its own connection', async () => {
  await using world = await startAndroidWorld();
  const request = toRequest(world.android.sign(url, 'sms:received', { messageId: 'm', sender: contact }, 'another-phone'));
  const receive = async (config = {}) => (await world.channel.webhooks?.receive(world.createContext(config), request))?.events;
  expect(await receive()).toEqual([]);
  expect(await receive({ deviceId: undefined })).toMatchObject([{ kind: 'inbound' }]);
});

test('other events, paths, methods and bodies', async () => {
  await using world = await startAndroidWorld();
  const receive = async (change: object, body = JSON.stringify({ id: 'e', event: 'system:ping', payload: {} })) =>
    world.channel.webhooks?.receive(world.createContext(), { ...toRequest(world.android.signBody(url, body)), ...change });
  expect(await receive({})).toEqual({ events: [] });
  await expect(receive({ path: 'status' })).rejects.toMatchObject({ code: 'not_found' });
  await expect(receive({ method: 'GET' })).rejects.toMatchObject({ code: 'method_not_allowed' });
  for (const body of ['', 'x', '[]', '{}']) await expect(receive({}, body)).rejects.toMatchObject({ code: 'payload_invalid' });
  await expect(receive({}, '{"id":"e","event":"sms:sent"}')).rejects.toMatchObject({ code: 'payload_invalid' });
});
