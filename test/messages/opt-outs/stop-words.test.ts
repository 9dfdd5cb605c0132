import { startWorld, type World } from '../../support/world.ts';

const from = '+12025550143';

async function receive(world: World, connectionId: string, externalId: string, text: string, more: object = {}) {
  await world.postChannelWebhook(connectionId, 'inbound', { externalId, from, text, ...more }).expect(({ status }) => {
    if (status !== 202 && status !== 200) throw new Error(`HTTP ${status}`);
  });
}

test('STOP opts a contact out of every later message, and START lifts it', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const send = () => world.services.findOptOut(location.id, from);
  await receive(world, location.connectionId, '1', 'Please stop calling me');
  expect(await send()).toBeNull();
  await receive(world, location.connectionId, '2', ' Stop. ');
  expect(await send()).toBe('all');
  const bare = {
    locationId: location.id,
    messageId: 'after-stop',
    contactId: location.contact.id,
    phone: from,
    message: 'offer',
  };
  await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(bare));
  await world.advanceUntil(async () => (await world.getMessage('after-stop')).state === 'failed');
  expect(await world.getMessage('after-stop')).toMatchObject({ reasonCode: 'opted_out' });
  expect(world.vendor.requests).toHaveLength(0);

  await world.advance(1_000);
  await receive(world, location.connectionId, '3', 'START');
  expect(await send()).toBeNull();
  expect(await world.db.optOut.findMany()).toMatchObject([
    { address: from, source: 'contact', reason: 'Stop.', liftedBy: 'contact', liftReason: 'START' },
  ]);
});

test('a repeated webhook of an old STOP has no effect on a START that came after it', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  await receive(world, location.connectionId, '1', 'STOP');
  await world.advance(1_000);
  await receive(world, location.connectionId, '2', 'START');
  await world.advance(1_000);
  await receive(world, location.connectionId, '1', 'STOP');
  expect(await world.services.findOptOut(location.id, from)).toBeNull();
});

test('a STOP is recorded by a repeat of its webhook when the first one was interrupted after the message was stored', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  await receive(world, location.connectionId, '1', 'STOP');
  await world.db.optOut.deleteMany();
  await receive(world, location.connectionId, '1', 'STOP');
  expect(await world.services.findOptOut(location.id, from)).toBe('all');
});

test('a START that overtakes its STOP counts; a YES without an opt-out leaves no row', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const minutesAgo = (minutes: number) => new Date(world.clock.now() - minutes * 60_000).toISOString();
  await receive(world, location.connectionId, '1', 'YES', { at: minutesAgo(9) });
  expect(await world.db.optOut.count()).toBe(0);
  await receive(world, location.connectionId, '2', 'START', { at: minutesAgo(5) });
  await receive(world, location.connectionId, '3', 'STOP', { at: minutesAgo(7) });
  expect(await world.services.findOptOut(location.id, from)).toBeNull();
  await receive(world, location.connectionId, '4', 'STOP', { at: minutesAgo(3) });
  expect(await world.services.findOptOut(location.id, from)).toBe('all');
  await receive(world, location.connectionId, '5', 'Yes', { at: minutesAgo(1) });
  expect(await world.services.findOptOut(location.id, from)).toBeNull();
});

test('words are left to a vendor that manages opt-outs, and those that the location sent itself are none', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const elsewhere = { from: 'us', to: from, direction: 'outbound' };
  await receive(world, location.connectionId, '1', 'STOP', elsewhere);
  expect(await world.db.optOut.count()).toBe(0);
  const ref = { id: location.connectionId, locationId: location.id };
  const inbound = { externalId: 'x', from, text: 'STOP', attachments: [], sentExternally: false };
  const connection = await world.services.findConnection({ locationId: location.id, providerKey: 'sms' });
  const capabilities = { ...connection?.capabilities, managesOptOuts: true } as NonNullable<typeof connection>['capabilities'];
  await world.services.recordOptOutWord({ ...ref, capabilities }, inbound);
  expect(await world.db.optOut.count()).toBe(0);
});
