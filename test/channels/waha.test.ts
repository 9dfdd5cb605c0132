import { createHmac } from 'node:crypto';
import { requireWahaSignature } from '../../src/channels/waha/webhooks.ts';
import { png } from '../support/sample-files.ts';
import { hmacKey, listInbound, listReceipts, startWahaWorld } from './whatsapp-web-world.ts';

/** The traps that users of WAHA report, each as what holds here. Numbers are those of its issues. */

const lid = '123456789012345';

function sign(body: object): Record<string, string> {
  return { 'x-webhook-hmac': createHmac('sha512', hmacKey).update(JSON.stringify(body)).digest('hex') };
}
const toEvent = (event: string, payload: object, more: object = {}) => ({
  ...{ id: 'evt_1', timestamp: 1795773600000, event, session: 'default', engine: 'GOWS', payload },
  me: { id: '16505550000@c.us', pushName: 'Acme' },
  ...more,
});
const text = { timestamp: 1795773600, fromMe: false, to: '16505550000@c.us', body: 'hi', hasMedia: false };

async function start() {
  const world = await startWahaWorld();
  await world.settle(world.channel.setup?.registerWebhooks?.(world.context, false) ?? Promise.reject());
  const receive = (event: string, payload: object, more: object = {}) => {
    const body = toEvent(event, payload, more);
    return world.receive(body, sign(body));
  };
  return Object.assign(world, { post: receive });
}

test('a message that stays PENDING while the session is WORKING is accepted and never delivered (#552)', async () => {
  await using world = await start();
  world.vendor.setFault({ kind: 'silent' });
  expect(await world.send()).toMatchObject({ kind: 'accepted', externalIds: [expect.stringMatching(/^3EB0/)] });
  const [sent] = world.vendor.listMessages();
  await world.waitFor(() => world.events.length > 0);
  expect(listReceipts(world.events)).toEqual([]);
  expect(await world.post('message.ack', { id: `true_1@c.us_${sent?.key}`, fromMe: true, ack: 0, ackName: 'PENDING' })).toEqual(
    [],
  );
  expect(world.channel.capabilities.receiptWithinMs).toBe(120_000);
});

test('a READ without a DEVICE before it is read (#2274), and SERVER proves the send alone', async () => {
  await using world = await start();
  const ack = (number: number, ackName: string) =>
    world.post('message.ack', { id: 'true_16505551234@c.us_K', fromMe: true, ack: number, ackName });
  expect(listReceipts(await ack(1, 'SERVER'))).toMatchObject([{ state: 'accepted' }]);
  expect(listReceipts(await ack(3, 'READ'))).toMatchObject([{ externalId: 'K', state: 'read' }]);
  expect(listReceipts(await ack(4, 'PLAYED'))).toMatchObject([{ state: 'read' }]);
  expect(listReceipts(await ack(-1, 'ERROR'))).toMatchObject([{ state: 'failed', error: { code: 'not_sent' } }]);
});

test('a message that comes twice, by number and by hidden id, is one message of one contact (#1384)', async () => {
  await using world = await start();
  const first = await world.post('message', {
    ...text,
    id: 'false_16505551234@c.us_A',
    from: '16505551234@c.us',
    _data: { key: { remoteJidAlt: `${lid}@lid` } },
  });
  const second = await world.post('message.any', { ...text, id: `false_${lid}@lid_A`, from: `${lid}@lid` });
  const expected = { externalId: 'A', from: '+16505551234', vendorUserId: `${lid}@lid` };
  expect(listInbound(first)).toMatchObject([expected]);
  expect(listInbound(second)).toMatchObject([expected]);
});

test('a hidden id is looked up at the server; one without a number is a contact without a number (#1721, #1167, #1379)', async () => {
  await using world = await start();
  const person = { waId: '16505559999', lid, name: 'Zoe', isNumberHidden: false };
  world.vendor.state.people.push(person);
  const payload = { ...text, id: `false_${lid}@lid_A`, from: `${lid}@lid`, _data: { pushName: 'Zoe' } };
  expect(listInbound(await world.post('message.any', payload))).toMatchObject([{ from: '+16505559999', name: 'Zoe' }]);
  const hidden = { ...payload, id: 'false_999999999999999@lid_B', from: '999999999999999@lid' };
  expect(listInbound(await world.post('message.any', hidden))).toMatchObject([
    { from: '999999999999999@lid', vendorAddress: '999999999999999@lid', vendorUserId: '999999999999999@lid' },
  ]);
  expect(await world.send({ to: '999999999999999@lid', vendorAddress: '999999999999999@lid' })).toMatchObject({
    kind: 'accepted',
  });
  expect(world.listBodies('/api/sendText').at(-1)).toMatchObject({ chatId: '999999999999999@lid' });
});

test('a session that was linked and is FAILED, or shows a QR code again, holds the connection (#792, #789, #1736, #2154)', async () => {
  await using world = await start();
  const status = (name: string) => world.post('session.status', { name: 'default', status: name, statuses: [] });
  // Before the first pairing a QR code is no problem.
  expect(await status('SCAN_QR_CODE')).toEqual([]);
  expect(await status('WORKING')).toEqual([{ kind: 'connection', status: 'up' }]);
  expect(await status('SCAN_QR_CODE')).toMatchObject([{ kind: 'connection', status: 'down', code: 'logged_out' }]);
  expect(await status('FAILED')).toMatchObject([{ status: 'down', code: 'session_failed' }]);
  // Each restart passes these.
  expect(await status('STOPPED')).toEqual([]);
  expect(await status('STARTING')).toEqual([]);
});

test('an event of another session of the server is none of the connection (#1194)', async () => {
  await using world = await start();
  const payload = { ...text, id: 'false_16505551234@c.us_A', from: '16505551234@c.us' };
  expect(await world.post('message.any', payload, { session: 'other' })).toEqual([]);
  expect(listInbound(await world.post('message.any', payload))).toHaveLength(1);
});

test('a Brazilian number is sent to under the spelling that WhatsApp knows, and the server is asked once (#238)', async () => {
  await using world = await start();
  for (let count = 0; count < 2; count++)
    expect(await world.send({ to: '+5511987654321' })).toMatchObject({ kind: 'accepted' });
  expect(world.listBodies('/api/sendText')).toMatchObject([{ chatId: '551187654321@c.us' }, { chatId: '551187654321@c.us' }]);
  expect(world.requests.filter(({ operation }) => operation.endsWith('check-exists'))).toHaveLength(1);
  expect(world.vendor.listMessages().map(({ status }) => status)).toEqual(['server', 'server']);
  world.vendor.state.absent.push('16505550100');
  expect(await world.send({ to: '+16505550100' })).toMatchObject({ kind: 'rejected', code: 'not_on_whatsapp' });
});

test('a file is fetched from the configured server with the key, whatever host its address names (#2131, #2085, #2049)', async () => {
  await using world = await start();
  const file = { contentType: 'image/png', base64: png.toString('base64'), name: 'a.png' };
  world.vendor.receive({ from: '16505551234', file });
  const [inbound] = await world.waitFor(() => listInbound(world.events).length > 0 && listInbound(world.events));
  const [attachment] = inbound?.attachments ?? [];
  const ref = attachment && 'ref' in attachment ? attachment.ref : '';
  expect(ref).toMatch(/^\/api\/files\/default\//);
  expect(await world.settle(world.channel.fetchAttachment?.(world.context, ref) ?? Promise.reject())).toMatchObject({
    kind: 'fetched',
    bytes: png.length,
  });
  for (const wrong of [
    '/api/files/../sessions',
    '/api/sessions/default',
    '/api/files/%2e%2e/x',
    'https://evil.example/api/files/a',
  ]) {
    expect(await world.channel.fetchAttachment?.(world.context, wrong)).toMatchObject({ kind: 'rejected' });
  }
});

test('a file that the server did not keep is a note, and the message is not lost (#2154)', async () => {
  await using world = await start();
  const base = { ...text, id: 'false_16505551234@c.us_A', from: '16505551234@c.us', hasMedia: true };
  for (const media of [null, { url: null, mimetype: 'image/jpeg' }, { url: null, error: { message: 'timeout' } }]) {
    const [inbound] = listInbound(await world.post('message.any', { ...base, media }));
    expect(inbound).toMatchObject({ text: 'hi\n[A file that can’t be read]', attachments: [] });
  }
  const stored = { ...base, media: { url: 'https://bucket.example/a.jpg?signature=1', mimetype: 'image/jpeg' } };
  expect(listInbound(await world.post('message.any', stored))[0]?.attachments).toEqual([
    { url: 'https://bucket.example/a.jpg?signature=1' },
  ]);
});

test('an id that changes its form between send and acknowledgement is the same message (#1309, #1627)', async () => {
  await using world = await start();
  const outcome = await world.send();
  const [key] = outcome.kind === 'accepted' ? outcome.externalIds : [];
  const ack = { id: `true_${lid}@lid_${key}`, from: `${lid}@lid`, to: '16505550000@c.us', fromMe: true, ack: 2 };
  expect(listReceipts(await world.post('message.ack', ack))).toMatchObject([{ externalId: key, state: 'delivered' }]);
});

test('what the phone itself sends is logged for its recipient; what the API sends has the id of its send', async () => {
  await using world = await start();
  const own = { ...text, fromMe: true, from: '16505550000@c.us', to: '16505551234@c.us' };
  expect(listInbound(await world.post('message.any', { ...own, id: 'true_16505551234@c.us_P', source: 'app' }))).toMatchObject([
    { externalId: 'P', sentExternally: true, from: '+16505550000', to: '+16505551234' },
  ]);
  const outcome = await world.send({ text: 'from us' });
  const [echo] = await world.waitFor(() => listInbound(world.events).length > 0 && listInbound(world.events));
  expect(outcome).toMatchObject({ externalIds: [echo?.externalId] });
  expect(echo).toMatchObject({ sentExternally: true });
});

test('groups, channels and the status are left out; so is a placeholder, whose id the real message has', async () => {
  await using world = await start();
  for (const from of ['1203630@g.us', '120363@newsletter', 'status@broadcast']) {
    expect(await world.post('message.any', { ...text, id: `false_${from}_A_16505551234@c.us`, from })).toEqual([]);
  }
  const real = { ...text, id: 'false_16505551234@c.us_A', from: '16505551234@c.us' };
  expect(await world.post('message.any', { ...real, body: '' })).toEqual([]);
  expect(listInbound(await world.post('message.any', real))).toMatchObject([{ externalId: 'A', text: 'hi' }]);
});

test('reactions, edits, deletions, places and cards are words; each is a message of its own', async () => {
  await using world = await start();
  const base = { ...text, id: 'false_16505551234@c.us_A', from: '16505551234@c.us' };
  const read = async (event: string, payload: object) => listInbound(await world.post(event, payload))[0];
  expect(await read('message.reaction', { ...base, reaction: { text: '👍', messageId: 'true_1@c.us_M' } })).toMatchObject({
    ...{ text: 'Reacted 👍', replyToExternalId: 'M' },
  });
  expect(await read('message.edited', { ...base, editedMessageId: 'A', body: 'hi!' })).toMatchObject({
    ...{ text: '[Edited] hi!', externalId: 'A-edited-1795773600', replyToExternalId: 'A' },
  });
  expect(await read('message.revoked', { revokedMessageId: 'A', before: base })).toMatchObject({ text: '[Deleted a message]' });
  const place = { ...base, body: 'base64', location: { latitude: '1.5', longitude: '2', name: 'Shop' } };
  expect(await read('message.any', place)).toMatchObject({ text: 'Shop\nhttps://www.google.com/maps?q=1.5,2' });
});

test('files go by their kinds: a caption on the first, sound as a voice message; a kind that the engine lacks as a document', async () => {
  await using world = await start();
  const { listen } = await import('../support/http.ts');
  const files = await listen((_request, response) => response.setHeader('content-type', 'image/png').end(png));
  expect(await world.send({ text: 'look', attachments: [`${files.url}/a.png`, `${files.url}/b.png`] })).toMatchObject({
    kind: 'accepted',
    externalIds: [expect.any(String), expect.any(String)],
  });
  const [first, second] = world.listBodies('/api/sendImage');
  expect(first).toMatchObject({ caption: 'look', file: { mimetype: 'image/png', data: png.toString('base64') } });
  expect(second).not.toHaveProperty('caption');
  world.vendor.setFault({ kind: 'error', status: 501, body: { message: 'not implemented' } });
  expect(await world.send({ text: null, attachments: [`${files.url}/c.png`] })).toMatchObject({
    kind: 'rejected',
    code: 'not_supported',
  });
  expect(world.requests.slice(-2).map(({ operation }) => operation)).toEqual(['/api/sendImage', '/api/sendFile']);
  await files.close();
});

test('the signature is WAHA’s own, over the raw bytes', () => {
  const body = Buffer.from('{"event":"message","session":"default","engine":"WEBJS"}');
  const documented =
    '208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89';
  expect(() => requireWahaSignature(['old', 'my-secret-key'], documented, body)).not.toThrow();
  for (const [keys, header] of [
    [['other'], documented],
    [['my-secret-key'], ''],
    [[], documented],
  ] as const) {
    expect(() => requireWahaSignature(keys, header, body)).toThrow(expect.objectContaining({ code: 'signature_invalid' }));
  }
});
