import { readStatusList } from '../../src/channels/evolution/read-webhook.ts';
import { png } from '../support/sample-files.ts';
import { listInbound, listReceipts, startEvolutionWorld, webhookSecret } from './whatsapp-web-world.ts';

/** The traps that users of Evolution API report, each as what holds here. Numbers are those of its issues. */

const lid = '123456789012345';
const authorization = `Bearer ${webhookSecret}`;
const jid = '16505551234@s.whatsapp.net';

async function start() {
  const world = await startEvolutionWorld();
  await world.settle(world.channel.setup?.registerWebhooks?.(world.context, false) ?? Promise.reject());
  const post = (event: string, data: unknown, more: object = {}) => {
    const body = {
      event,
      instance: world.vendor.state.instance,
      data,
      sender: '16505550000@s.whatsapp.net',
      apikey: null,
      ...more,
    };
    return world.receive(body, { authorization });
  };
  return Object.assign(world, { post });
}
const toText = (conversation: string, key: object = {}, more: object = {}) => ({
  key: { remoteJid: jid, fromMe: false, id: '3EB0A', ...key },
  ...{ pushName: 'Zoe', message: { conversation }, messageType: 'conversation', messageTimestamp: 1795773600 },
  ...more,
});

test('201 with PENDING proves no delivery: the message is accepted, and a time is named for its first receipt (#1854)', async () => {
  await using world = await start();
  world.vendor.setFault({ kind: 'silent' });
  expect(await world.send()).toMatchObject({ kind: 'accepted', externalIds: [expect.stringMatching(/^3EB0/)] });
  const update = { keyId: '3EB0A', remoteJid: jid, fromMe: true };
  for (const status of ['PENDING', 'SERVER_ACK', 'DELETED'])
    expect(await world.post('messages.update', { ...update, status })).toEqual([]);
  expect(world.channel.capabilities.receiptWithinMs).toBe(120_000);
});

test('an ERROR with 463 names the restriction of the number (#2597, #2626)', async () => {
  await using world = await start();
  const failed = { keyId: '3EB0A', remoteJid: jid, fromMe: true, status: 'ERROR' };
  expect(listReceipts(await world.post('messages.update', { ...failed, messageStubParameters: ['463'] }))).toMatchObject([
    { externalId: '3EB0A', state: 'failed', error: { code: '463', message: expect.stringContaining('restricted') } },
  ]);
  expect(listReceipts(await world.post('messages.update', failed))).toMatchObject([{ error: { code: 'not_sent' } }]);
});

test('a contact known by a hidden id alone is no telephone number of fifteen digits (#1764, #1872, #2326, #2337, #2466)', async () => {
  await using world = await start();
  const [inbound] = listInbound(await world.post('messages.upsert', toText('hi', { remoteJid: `${lid}@lid` })));
  expect(inbound).toMatchObject({ from: `${lid}@lid`, vendorAddress: `${lid}@lid`, vendorUserId: `${lid}@lid`, name: 'Zoe' });
  for (const alternate of [{ remoteJidAlt: jid }, { senderPn: jid }]) {
    const data = toText('hi', { remoteJid: '555555555555555@lid', ...alternate });
    expect(listInbound(await world.post('messages.upsert', data))).toMatchObject([{ from: '+16505551234' }]);
  }
  // From then on the number is known without the alternate field, too.
  expect(listInbound(await world.post('messages.upsert', toText('hi', { remoteJid: '555555555555555@lid' })))).toMatchObject([
    { from: '+16505551234' },
  ]);
});

test('a send to a number whose response names a hidden id links the two from then on', async () => {
  await using world = await start();
  world.vendor.state.people.push({ waId: '16505551234', lid, name: 'Zoe', isNumberHidden: true });
  expect(await world.send({ to: '+16505551234' })).toMatchObject({ kind: 'accepted' });
  expect(listInbound(await world.post('messages.upsert', toText('hi', { remoteJid: `${lid}@lid` })))).toMatchObject([
    { from: '+16505551234', vendorUserId: `${lid}@lid` },
  ]);
});

test('a placeholder for a message that is not decrypted yet leaves its id to the real message (#1934)', async () => {
  await using world = await start();
  expect(await world.post('messages.upsert', { ...toText(''), message: {}, messageStubType: 2 })).toEqual([]);
  expect(listInbound(await world.post('messages.upsert', toText('hi')))).toMatchObject([{ externalId: '3EB0A', text: 'hi' }]);
});

test('the same message again has the same id, so that it is stored once; different ones are kept apart (#2110, #631, #1746)', async () => {
  await using world = await start();
  const ids = [];
  for (const id of ['3EB0A', '3EB0A', '3EB0B'])
    ids.push(listInbound(await world.post('messages.upsert', toText('hi', { id })))[0]?.externalId);
  expect(ids).toEqual(['3EB0A', '3EB0A', '3EB0B']);
});

test('own messages and other events of a server with other settings are read or left out, and none is an error (#956)', async () => {
  await using world = await start();
  const own = toText('from the phone', { fromMe: true });
  expect(listInbound(await world.post('messages.upsert', own))).toMatchObject([
    { sentExternally: true, from: '+16505550000', to: '+16505551234' },
  ]);
  expect(listInbound(await world.post('send.message', own))).toMatchObject([{ sentExternally: true }]);
  for (const event of ['contacts.update', 'presence.update', 'chats.set', 'messages.set', 'qrcode.updated', 'call']) {
    expect(await world.post(event, [{ id: 'x' }])).toEqual([]);
  }
  expect(await world.post('messages.upsert', toText('hi'), { instance: 'of another' })).toEqual([]);
  expect(world.channel.webhooks?.maxBodyBytes).toBeGreaterThan(4_000_000);
});

test('a file is asked for by its message; without one at the server it is tried again (#2233, #1935, #1555, #2396)', async () => {
  await using world = await start();
  const file = { contentType: 'image/png', base64: png.toString('base64'), name: 'a.png' };
  world.vendor.receive({ from: '16505551234', text: 'here', file });
  const [inbound] = await world.waitFor(() => listInbound(world.events).length > 0 && listInbound(world.events));
  expect(inbound).toMatchObject({ text: 'here', attachments: [{ contentType: 'image/png' }] });
  const [attachment] = inbound?.attachments ?? [];
  const fetch = (ref: string) => world.settle(world.channel.fetchAttachment?.(world.context, ref) ?? Promise.reject());
  const ref = attachment && 'ref' in attachment ? attachment.ref : '';
  expect(await fetch(ref)).toMatchObject({ kind: 'fetched', bytes: png.length, contentType: 'image/png' });
  expect(await fetch('3EB0MISSING')).toMatchObject({ kind: 'missing' });
  expect(await fetch('../instance')).toMatchObject({ kind: 'rejected' });
});

test('an instance that is open and posts no webhooks is found by its silence; states are also asked for (#665, #2647, #2665)', async () => {
  await using world = await start();
  const outcome = await world.send();
  const [key = ''] = outcome.kind === 'accepted' ? outcome.externalIds : [];
  const lookUp = () => world.settle(world.channel.lookUpReceipt?.(world.context, key) ?? Promise.reject());
  expect(await lookUp()).toBeNull();
  world.vendor.markRead(key);
  expect(await lookUp()).toMatchObject({ externalId: key, state: 'read' });
  const find = (...states: string[]) =>
    readStatusList(
      states.map((status) => ({ status })),
      key,
    )?.state;
  expect(find('DELIVERY_ACK', 'ERROR')).toBe('delivered');
  expect(find('READ', 'ERROR', 'DELIVERY_ACK')).toBe('read');
  expect(find('SERVER_ACK', 'ERROR')).toBe('failed');
  // A webhook that was changed at the server is set again.
  world.vendor.state.webhook = null;
  await world.settle(world.channel.setup?.registerWebhooks?.(world.context, false) ?? Promise.reject());
  expect(world.vendor.state.webhook).toMatchObject({ enabled: true, url: `${world.webhookUrl}/webhook` });
});

test('a disconnect from which the server recovers alone holds no connection; a logout does (#1938, #2613, #2669, #2272)', async () => {
  await using world = await start();
  const update = (state: string, statusReason: number) =>
    world.post('connection.update', { instance: 'x', state, statusReason });
  expect(await update('open', 200)).toEqual([{ kind: 'connection', status: 'up' }]);
  expect(await update('close', 428)).toEqual([]);
  expect(await update('connecting', 200)).toEqual([]);
  const down = [{ kind: 'connection', status: 'down', code: 'logged_out', message: expect.stringContaining('Pair it again') }];
  for (const reason of [401, 402, 403, 406]) expect(await update('close', reason)).toEqual(down);
  expect(await world.post('status.instance', { instance: 'x', status: 'closed', disconnectionReasonCode: 401 })).toEqual(down);
  expect(await world.post('logout.instance', {})).toEqual(down);
});

test('the body of a send is that of version 2, with the digits of the number, or the address that WhatsApp has named (n8n#48)', async () => {
  await using world = await start();
  await world.send({ to: '+5511987654321', text: 'oi' });
  await world.send({ to: '+5511987654321', vendorAddress: '551187654321@c.us', replyToExternalId: '3EB0Q' });
  expect(world.listBodies('/message/sendText')).toEqual([
    { number: '5511987654321', text: 'oi' },
    { number: '551187654321@s.whatsapp.net', text: 'hello', quoted: { key: { id: '3EB0Q' } } },
  ]);
  expect(world.vendor.listMessages().map(({ waId, status }) => [waId, status])).toEqual([
    ['551187654321', 'server'],
    ['551187654321', 'server'],
  ]);
});

test('only an edit has a new text: other notes of the protocol come under the same name', async () => {
  await using world = await start();
  const note = { key: { id: '3EB0A', remoteJid: jid, fromMe: false }, type: 'EPHEMERAL_SETTING', timestampMs: 1795773600000 };
  expect(await world.post('messages.edited', note)).toEqual([]);
  expect(listInbound(await world.post('messages.edited', { ...note, editedMessage: { conversation: 'hi!' } }))).toMatchObject([
    { text: '[Edited] hi!', replyToExternalId: '3EB0A' },
  ]);
  expect(listInbound(await world.post('messages.delete', { remoteJid: jid, fromMe: false, id: '3EB0A' }))).toMatchObject([
    { text: '[Deleted a message]' },
  ]);
});

test('an edit is by the author of the message that it changes, although it is `fromMe` in a chat with the own number (#1367, #1647)', async () => {
  await using world = await start();
  const from = '16505551234';
  const key = world.vendor.receive({ from, name: 'Zoe', text: 'hi' });
  const own = world.vendor.receive({ from, text: 'from my phone', isFromPhone: true });
  const edits: [string, string][] = [
    [key, 'hi!'],
    [key, 'hello'],
    [own, 'from my other phone'],
  ];
  for (const [changed, text] of edits) world.vendor.edit(changed, text);
  const listEdits = () => listInbound(world.events).filter(({ text }) => text?.startsWith('[Edited]'));
  await world.waitFor(() => listEdits().length === 3);
  const contact = { from: '+16505551234', name: 'Zoe', sentExternally: false, replyToExternalId: key };
  const byText = Object.fromEntries(listEdits().map((edit) => [edit.text, edit]));
  expect(byText).toMatchObject({
    '[Edited] hi!': contact,
    '[Edited] hello': contact,
    '[Edited] from my other phone': { to: '+16505551234', sentExternally: true, replyToExternalId: own },
  });
  expect(new Set(listEdits().map(({ externalId }) => externalId)).size).toBe(3);
  // Without the message there is no author, and the own number is no contact.
  world.vendor.edit(key, 'too late');
  world.vendor.state.messages.splice(0);
  await world.waitFor(() => world.log.some((line) => line.includes('evolution edit of a message')));
  expect(listEdits()).toHaveLength(3);
});

test('messages are read in lists and alone, wrapped and plain, and groups are left out', async () => {
  await using world = await start();
  const wrapped = { ephemeralMessage: { message: { extendedTextMessage: { text: 'soon gone' } } } };
  const rows = [
    toText('one', { id: 'A' }),
    toText('', { id: 'B' }, { message: wrapped }),
    toText('in a group', { id: 'C', remoteJid: '1203630@g.us' }),
    toText('', { id: 'D' }, { message: { reactionMessage: { key: { id: 'A' }, text: '❤️' } } }),
    toText('', { id: 'E' }, { message: { senderKeyDistributionMessage: { groupId: 'x' } } }),
    toText(
      '',
      { id: 'F' },
      { message: { documentWithCaptionMessage: { message: { documentMessage: { fileName: 'a.pdf', caption: 'c' } } } } },
    ),
  ];
  expect(listInbound(await world.post('MESSAGES_UPSERT', rows)).map(({ externalId, text }) => [externalId, text])).toEqual([
    ['A', 'one'],
    ['B', 'soon gone'],
    ['D', 'Reacted ❤️'],
    ['F', 'c'],
  ]);
});

test('receipts of old versions are read by their key; a contact’s own states, and the local time of the server, are not', async () => {
  await using world = await start();
  for (const data of [
    { keyId: 'K', fromMe: true, status: 'DELIVERY_ACK' },
    { key: { id: 'K', fromMe: true, remoteJid: jid }, status: 'DELIVERY_ACK' },
    [{ key: { id: 'K', fromMe: true }, update: { status: 'DELIVERY_ACK' } }],
  ]) {
    expect(listReceipts(await world.post('messages.update', data))).toEqual([{ externalId: 'K', state: 'delivered' }]);
  }
  expect(await world.post('messages.update', { keyId: 'K', fromMe: false, status: 'READ' })).toEqual([]);
});

test('the secret is proven by the header, or by the address; with the name of an event behind it or not', async () => {
  await using world = await start();
  const body = { event: 'messages.upsert', instance: world.vendor.state.instance, data: toText('hi') };
  for (const path of [`webhook/${webhookSecret}`, `webhook/${webhookSecret}/messages-upsert`]) {
    expect(listInbound(await world.receive(body, {}, path))).toHaveLength(1);
  }
  expect(listInbound(await world.receive(body, { authorization }, 'webhook/messages-upsert'))).toHaveLength(1);
  for (const [path, header] of [
    ['webhook', ''],
    ['webhook', 'Bearer wrong'],
    ['webhook/another-secret', ''],
    ['webhook/', ''],
  ] as const) {
    await expect(world.receive(body, { authorization: header }, path)).rejects.toMatchObject({ code: 'signature_invalid' });
  }
  await expect(world.receive(body, { authorization }, 'status')).rejects.toMatchObject({ code: 'not_found' });
});
