import type { ChannelEvent } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { allScopes } from '../../../src/highlevel/operations.ts';
import { createScriptedChannel } from '../../support/scripted-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

const from = '+12025550143';
const dayMs = 24 * 60 * 60 * 1000;

let world: World;
const { channel, script } = createScriptedChannel();

beforeAll(async () => {
  const channels = () => indexChannels([channel]);
  world = await startWorld({ channels, scopes: allScopes, services: { walletMeterId: 'meter-1' } });
  script.send = async () => ({ kind: 'delivered', externalIds: [] });
});

afterAll(() => world[Symbol.asyncDispose]());

beforeEach(() => {
  script.sends.length = 0;
});

/** A location that is connected, with a message whose send waits for HighLevel until `release` is called. */
async function prepareSend(operation: string, config: object = {}, locationMs = 0, phone = from) {
  const location = await world.install();
  const contact = phone === from ? location.contact : world.highlevel.addContact(location.id, { phone });
  const path = `/locations/${location.id}/channels/sms`;
  const { body } = await world.api.put(path, { type: 'scripted', config }).expect(200);
  const connectionId: string = body.connectionId;
  if (locationMs > 0) world.clock.jump(locationMs);
  const { promise, resolve: release } = Promise.withResolvers<void>();
  let isWaiting = false;
  world.highlevel.faults.decide((called, resourceId) => {
    if (called !== operation || resourceId !== location.id) return null;
    isWaiting = true;
    return { until: promise };
  });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  await world.waitFor(() => isWaiting, 'the send waits for HighLevel');
  await world.advance(1_000);
  return {
    ...{ location, path, connectionId, release },
    getMessage: () => world.getMessage(messageId),
    isSettled: async () => (await world.db.job.count({ where: { workerId: { not: null } } })) === 0,
    post: (events: ChannelEvent[]) => world.client.post(`/channels/${connectionId}/events`).send(events).expect(200),
  };
}

const inbound = (text: string, sender = from): ChannelEvent => ({
  kind: 'inbound',
  inbound: { externalId: `stop-${text}`, from: sender, text, attachments: [], sentExternally: false },
});

test.each(['token:refresh_token', 'createCharge'])(
  'a STOP that is acknowledged while a send waits for HighLevel (%s) stops that send',
  async (operation) => {
    // The token expires after a day.
    const { release, getMessage, post } = await prepareSend(operation, {}, operation === 'createCharge' ? 0 : dayMs);
    await post([inbound('STOP')]);
    release();
    await world.advanceUntil(async () => (await getMessage()).state !== 'pending');
    expect(await getMessage()).toMatchObject({ state: 'failed', reasonCode: 'opted_out' });
    expect(script.sends).toEqual([]);
  },
);

test('a STOP from another spelling of the number stops a send that waits', async () => {
  const { release, getMessage, post } = await prepareSend('createCharge', {}, 0, '+551187654321');
  await post([inbound('STOP', '+5511987654321')]);
  release();
  await world.advanceUntil(async () => (await getMessage()).state !== 'pending');
  expect(await getMessage()).toMatchObject({ state: 'failed', reasonCode: 'opted_out' });
  expect(script.sends).toEqual([]);
});

test('do-not-disturb that HighLevel sets meanwhile stops the send', async () => {
  const { location, release, getMessage } = await prepareSend('createCharge');
  await world.highlevel.setDnd(location.contact.id, { dndSettings: { SMS: { status: 'active' } } });
  await world.advanceUntil(async () => (await world.db.optOut.count({ where: { locationId: location.id } })) === 1);
  release();
  await world.waitFor(async () => (await getMessage()).state !== 'pending');
  expect(await getMessage()).toMatchObject({ state: 'failed', reasonCode: 'opted_out' });
  expect(script.sends).toEqual([]);
});

test('a channel gets to know an opt-out of marketing that came meanwhile', async () => {
  const { release, post } = await prepareSend('createCharge');
  await post([{ kind: 'opt_out', optOut: { address: from, optedOut: true, category: 'marketing' } }]);
  release();
  await world.waitFor(() => script.sends.length === 1);
  expect(script.sends[0]).toMatchObject({ isOptedOutOfMarketing: true });
});

test('a message waits when its connection is paused meanwhile, and is sent once that is resumed', async () => {
  const { connectionId, release, getMessage, isSettled } = await prepareSend('createCharge');
  await world.api.put(`/connections/${connectionId}`, { isPaused: true }).expect(200);
  release();
  await world.waitFor(isSettled);
  await world.advance(5_000);
  expect(script.sends).toEqual([]);
  await world.api.put(`/connections/${connectionId}`, { isPaused: false }).expect(200);
  await world.advanceUntil(async () => (await getMessage()).state === 'delivered');
});

test('a message waits when its connection is held meanwhile', async () => {
  const { location, connectionId, release, getMessage, isSettled } = await prepareSend('createCharge');
  const connection = await world.services.getConnection(connectionId);
  await world.services.holdConnection(connection, { code: 'wrong_key', message: 'The vendor refuses the key.' });
  release();
  await world.waitFor(isSettled);
  await world.advance(5_000);
  expect(script.sends).toEqual([]);
  await world.api.post(`/locations/${location.id}/channels/sms/resume`).expect(200);
  await world.advanceUntil(async () => (await getMessage()).state === 'delivered');
});

test('a message uses a config that was stored meanwhile', async () => {
  const { path, release, getMessage } = await prepareSend('createCharge');
  await world.api.put(path, { type: 'scripted', config: { name: 'new', sender: '+12025550177' } }).expect(200);
  release();
  await world.advanceUntil(async () => (await getMessage()).state === 'delivered');
  expect(script.sends).toMatchObject([{ from: '+12025550177' }]);
});

test('a message fails when its connection is removed, or the app uninstalled, meanwhile', async () => {
  for (const [remove, reasonCode] of [
    [({ path }: { path: string }) => world.api.delete(path), 'no_channel'],
    [({ location }: { location: { id: string } }) => world.api.delete(`/locations/${location.id}`), 'uninstalled'],
  ] as const) {
    const prepared = await prepareSend('createCharge');
    expect((await remove(prepared)).ok).toBe(true);
    prepared.release();
    await world.advanceUntil(async () => (await prepared.getMessage()).state !== 'pending');
    expect(await prepared.getMessage()).toMatchObject({ state: 'failed', reasonCode });
  }
  expect(script.sends).toEqual([]);
});

test('a message waits when the quiet hours of its contact begin meanwhile', async () => {
  // Two seconds before nine o’clock in the evening in Washington.
  const untilNine = new Date(world.clock.now()).setUTCHours(26, 0, -2, 0) - world.clock.now();
  const { release, getMessage } = await prepareSend('createCharge', { quietHours: 'by_country' }, untilNine);
  for (let second = 0; second < 3; second++) await world.clock.tick(1_000);
  release();
  await world.waitFor(async () => (await getMessage()).reasonCode === 'quiet_hours');
  expect(script.sends).toEqual([]);
});
