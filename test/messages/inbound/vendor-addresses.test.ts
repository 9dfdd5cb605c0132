import type { ChannelEvent, InboundContent, SendOutcome } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { getLastPost, listPosts } from '../../support/attachments.ts';
import { png } from '../../support/sample-files.ts';
import { createScriptedChannel } from '../../support/scripted-channel.ts';
import { startWorld } from '../../support/world.ts';

const blank = { text: 'hello', attachments: [], sentExternally: false };

async function start() {
  const { channel, script } = createScriptedChannel({ vendorAddresses: true });
  const world = await startWorld({ channels: () => indexChannels([channel]) });
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'scripted', config: {} }).expect(200);
  const post = (events: ChannelEvent[]) => world.client.post(`/channels/${body.connectionId}/events`).send(events).expect(200);
  const receive = async (inbound: Omit<InboundContent, 'attachments' | 'sentExternally'> & Partial<InboundContent>) => {
    const before = listPosts(world).length;
    await post([{ kind: 'inbound', inbound: { ...blank, ...inbound } }]);
    await world.advanceUntil(() => listPosts(world).length > before);
  };
  const listContacts = () =>
    Object.values(world.highlevel.state.contacts).filter(({ locationId }) => locationId === location.id);
  return { world, script, location, post, receive, listContacts };
}

test('a message is sent to the id by which the vendor knows the contact, with the time at which the contact last wrote', async () => {
  const { world, script, location, receive } = await start();
  await using _ = world;
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'first' });
  await world.advanceUntil(() => script.sends.length === 1);
  expect(script.sends[0]).toMatchObject({ vendorAddress: null, lastInboundAt: null });
  const occurredAt = new Date(world.clock.now() - 60_000);
  await receive({ externalId: 'i-1', from: '+12025550143', vendorAddress: '12025550143', occurredAt });
  await receive({ externalId: 'i-0', from: '+12025550143', vendorAddress: '12025550143', occurredAt: new Date(0) });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'second' });
  await world.advanceUntil(() => script.sends.length === 2);
  expect(script.sends[1]).toMatchObject({ vendorAddress: '12025550143', lastInboundAt: occurredAt });
});

test('a person without a phone number is one contact, also when the number becomes known, and can be written to', async () => {
  const { world, script, location, receive, listContacts } = await start();
  await using _ = world;
  const user = { vendorUserId: 'US.1349', name: 'Zoe' };
  await receive({ externalId: 'i-1', from: 'US.1349', vendorAddress: 'US.1349', ...user });
  const zoe = listContacts().find(({ name }) => name === 'Zoe');
  expect(zoe).toMatchObject({ phone: null });
  await receive({ externalId: 'i-2', from: '+16505551234', vendorAddress: '16505551234', ...user });
  await receive({ externalId: 'i-3', from: 'US.1349', vendorAddress: 'US.1349', ...user });
  expect(listContacts()).toHaveLength(2);
  await world.highlevel.sendMessage(location.id, { contactId: zoe?.id ?? '', text: 'hi Zoe' });
  await world.advanceUntil(() => script.sends.length === 1);
  expect(['US.1349', '+16505551234']).toContain(script.sends[0]?.to);
});

test('a person who hides the number after writing with it is still the contact with that number: for its last message, and for opt-outs', async () => {
  const { world, script, location, post, receive } = await start();
  await using _ = world;
  const user = { vendorUserId: 'US.1349' };
  const dayMs = 24 * 60 * 60_000;
  const [before, occurredAt] = [new Date(world.clock.now() - 2 * dayMs), new Date(world.clock.now() - 60_000)];
  await receive({ externalId: 'i-1', from: '+12025550143', vendorAddress: '12025550143', occurredAt: before, ...user });
  await receive({ externalId: 'i-2', from: 'US.1349', vendorAddress: 'US.1349', occurredAt, ...user });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'reply' });
  await world.advanceUntil(() => script.sends.length === 1);
  expect(script.sends[0]).toMatchObject({ to: '+12025550143', vendorAddress: 'US.1349', lastInboundAt: occurredAt });
  await receive({ externalId: 'e-1', from: '+15550783881', to: 'US.1349', text: 'from the phone', sentExternally: true });
  expect(getLastPost(world)).toMatchObject({ contactId: location.contact.id, message: 'from the phone' });
  await receive({ externalId: 'i-3', from: 'US.1349', vendorAddress: 'US.1349', text: 'STOP', ...user });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'offer' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).state === 'failed' || script.sends.length > 1);
  expect(await world.getMessage(messageId)).toMatchObject({ reasonCode: 'opted_out' });
  await post([{ kind: 'opt_out', optOut: { address: 'US.1349', optedOut: false, category: 'all' } }]);
  expect(await world.services.findOptOut(location.id, '+12025550143')).toBeNull();
});

test('the echo of our own send is no second message, although it names the contact by a hidden id and comes before the response', async () => {
  const { world, script, location, post } = await start();
  await using _ = world;
  const response = Promise.withResolvers<SendOutcome>();
  script.send = () => response.promise;
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(() => script.sends.length === 1);
  const echo = {
    ...blank,
    externalId: 'own-1',
    from: '+15550783881',
    to: '123456789012345@lid',
    text: 'hi',
    sentExternally: true,
  };
  await post([{ kind: 'inbound', inbound: echo }]);
  await world.advance(5_000);
  response.resolve({ kind: 'accepted', externalIds: ['own-1'] });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).externalId === 'own-1');
  expect(listPosts(world)).toEqual([]);
  await world.advanceUntil(async () => (await world.db.message.count()) === 1);
  expect(listPosts(world)).toEqual([]);
});

test('a contact whose number HighLevel has in another spelling gets no second contact', async () => {
  const { world, location, receive, listContacts } = await start();
  await using _ = world;
  world.highlevel.addContact(location.id, { name: 'Bia', phone: '+551187654321' });
  await receive({ externalId: 'i-1', from: '+5511987654321', vendorAddress: '551187654321', name: 'Bia' });
  await receive({ externalId: 'i-2', from: '+5511987654321', vendorAddress: '551187654321', name: 'Bia' });
  expect(listContacts().map(({ name }) => name)).toEqual(['Maya Ortiz', 'Bia']);
});

test.each([
  ['+551187654321', '+5511987654321'],
  ['+5215512345678', '+525512345678'],
  ['+541123456789', '+5491123456789'],
])('a contact that HighLevel has as %s and who writes as %s is found by either spelling', async (phone, from) => {
  const { world, script, location, receive } = await start();
  await using _ = world;
  const contact = world.highlevel.addContact(location.id, { name: 'Bia', phone });
  const occurredAt = new Date(world.clock.now() - 60_000);
  await receive({ externalId: 'i-1', from, vendorAddress: 'of-the-vendor', occurredAt });
  // An earlier message that was stored in the other spelling.
  await receive({ externalId: 'i-0', from: phone, vendorAddress: 'older', occurredAt: new Date(0) });
  await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi Bia' });
  await world.advanceUntil(() => script.sends.length === 1);
  expect(script.sends[0]).toMatchObject({ to: phone, vendorAddress: 'of-the-vendor', lastInboundAt: occurredAt });
  await world.api.put(`/locations/${location.id}/opt-outs/${encodeURIComponent(from)}`, { reason: 'asked' }).expect(200);
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'offer' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).state === 'failed');
  expect(await world.getMessage(messageId)).toMatchObject({ reasonCode: 'opted_out' });
});

test('a file that needs the vendor’s credentials is fetched with them, and they do not follow a redirect to another host', async () => {
  const { world, receive } = await start();
  await using _ = world;
  const seen: (string | undefined)[] = [];
  const stored = world.vendor.serveFile('stored.png', (request, response) => {
    seen.push(request.headers.authorization);
    response.type('image/png').end(png);
  });
  const ref = world.vendor.serveFile('media', (request, response) => {
    seen.push(request.headers.authorization);
    response.redirect(stored.replace('127.0.0.1', 'localhost'));
  });
  await receive({ externalId: 'i-1', from: '+12025550143', attachments: [{ ref, name: 'holiday.png' }] });
  expect(seen).toEqual(['Basic of-the-vendor', undefined]);
  expect(getLastPost(world).attachments).toEqual([expect.stringContaining('holiday.png')]);
  const { body } = await world.api.get(`/locations/${Object.keys(world.highlevel.state.locations)[0]}/messages`).expect(200);
  expect(JSON.stringify(body)).not.toContain('Basic');
});
