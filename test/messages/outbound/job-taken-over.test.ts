import { indexChannels } from '../../../src/channels/registry.ts';
import { createScriptedChannel } from '../../support/scripted-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

let world: World;
const { channel, script } = createScriptedChannel();

beforeAll(async () => {
  world = await startWorld({ channels: () => indexChannels([channel]) });
  script.send = async () => ({ kind: 'delivered', externalIds: [] });
});

afterAll(() => world[Symbol.asyncDispose]());

beforeEach(() => {
  script.sends.length = 0;
});

/** Lets calls of HighLevel wait until `release` is called. */
function holdCalls(operation: string) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const held = { count: 0, release };
  world.highlevel.faults.decide((called) => {
    if (called !== operation) return null;
    held.count += 1;
    return { until: promise };
  });
  return held;
}

/** Declares this process's worker dead, as another worker does when its host is cut off: its jobs are claimed again, under its next id. */
async function takeJobsOver(): Promise<void> {
  await world.db.worker.deleteMany({});
  await world.db.job.updateMany({ data: { workerId: null } });
}

test('a send whose job was taken over while it was prepared is not made: the new owner makes it, once', async () => {
  const location = await world.install();
  await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'scripted', config: {} }).expect(200);
  // Tokens expire after a day, and the send waits for the next one.
  world.clock.jump(25 * 60 * 60 * 1_000);
  const held = holdCalls('token:refresh_token');
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(() => held.count > 0, 'the send waits for HighLevel');
  await takeJobsOver();
  held.release();
  await world.advanceUntil(async () => (await world.getMessage(messageId)).state === 'delivered');
  await world.advanceUntil(async () => (await world.db.job.count()) === 0);
  const { id } = await world.getMessage(messageId);
  expect(await world.db.attempt.count({ where: { messageId: id } })).toBe(1);
  expect(script.sends).toHaveLength(1);
});

test('a reply whose job was taken over before its post is not posted twice', async () => {
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'scripted', config: {} }).expect(200);
  const held = holdCalls('upsertContact');
  const inbound = { externalId: 'reply-1', from: '+12025550177', text: 'hello', attachments: [], sentExternally: false };
  await world.client
    .post(`/channels/${body.connectionId}/events`)
    .send([{ kind: 'inbound', inbound }])
    .expect(200);
  await world.advanceUntil(() => held.count > 0, 'the post waits for HighLevel');
  await takeJobsOver();
  await world.advanceUntil(() => held.count > 1, 'the new owner is as far');
  held.release();
  await world.advanceUntil(async () => (await world.db.job.count()) === 0);
  const calls = world.highlevel.calls.listByOperation('addInboundMessage');
  expect(calls).toHaveLength(1);
});
