import type { SendOutcome } from '../../../src/channels/channel.ts';
import { indexChannels } from '../../../src/channels/registry.ts';
import { startWorker } from '../../../src/worker/queue-handlers.ts';
import { createNonIdempotentChannel } from '../../support/non-idempotent-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

const text = (world: World, location: { id: string; contact: { id: string } }) =>
  world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
const outcomes = async (world: World) =>
  (await world.db.attempt.findMany({ orderBy: { id: 'asc' } })).map(({ outcome }) => outcome);

test('where the vendor is not idempotent, an unknown outcome is held for review: it neither fails nor is sent again', async () => {
  let sends = 0;
  const send = async (): Promise<SendOutcome> => {
    sends += 1;
    return sends === 1
      ? { kind: 'unknown', code: 'no_answer', message: 'No response in time.' }
      : { kind: 'delivered', externalIds: [] };
  };
  await using world = await startWorld({ channels: () => indexChannels([createNonIdempotentChannel(send)]) });
  const location = await world.install();
  await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'non_idempotent' }).expect(200);
  const { messageId } = await text(world, location);
  await world.waitFor(async () => (await world.getMessage(messageId)).heldForReviewAt !== null);
  await world.advance(24 * 3_600_000, 600_000);
  expect(sends).toBe(1);
  expect(world.highlevel.listStatuses(messageId)).toEqual([]);

  const { id } = await world.getMessage(messageId);
  const { body } = await world.api.get(`/locations/${location.id}/messages?status=unknown`).expect(200);
  expect(body.items).toMatchObject([{ id, status: 'unknown', reason: { code: 'no_answer' } }]);
  await world.api.post(`/messages/${id}/retry`).expect(202);
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('an interrupted attempt that a worker found, and could not settle, is held for review, too', async () => {
  let sends = 0;
  const send = async (): Promise<SendOutcome> => {
    sends += 1;
    return { kind: 'delivered', externalIds: [] };
  };
  await using world = await startWorld({ isIdle: true, channels: () => indexChannels([createNonIdempotentChannel(send)]) });
  const location = await world.install();
  const { body } = await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'non_idempotent' }).expect(200);
  const { messageId } = await text(world, location);
  const { id, createdAt } = await world.getMessage(messageId);
  const found = { outcome: 'unknown' as const, endedAt: createdAt };
  await world.db.attempt.create({
    data: { id: world.services.newId(), messageId: id, connectionId: body.connectionId, startedAt: createdAt, ...found },
  });
  await startWorker(world.services);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).heldForReviewAt !== null);
  expect(sends).toBe(0);
});

/** Sends a message whose first attempt is cut off: it may have arrived. */
async function cutMessage(world: World, config: Record<string, unknown> = {}) {
  const location = await world.setUpLocation(config);
  world.vendor.respondWith(() => (world.vendor.requests.length === 1 ? 'cut' : { status: 503 }));
  const { messageId } = await text(world, location);
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'no_answer');
  const isUnknown = async () => (await world.getMessage(messageId)).heldForReviewAt !== null;
  return { location, messageId, isUnknown };
}

test('a message that may have arrived is not reported as failed because all later attempts were unavailable', async () => {
  await using world = await startWorld();
  const { location, messageId, isUnknown } = await cutMessage(world, { giveUpAfterMinutes: 10 });
  await world.advanceUntil(isUnknown, 'a person is asked', 30_000);
  expect((await outcomes(world)).slice(0, 3)).toEqual(['unknown', 'unavailable', 'unavailable']);
  await world.advance(60_000);
  expect(world.highlevel.listStatuses(messageId)).toEqual([]);

  // The vendor has it, and its receipt comes late.
  await world.postChannelWebhook(location.connectionId, 'status', {
    id: (await world.getMessage(messageId)).id,
    status: 'delivered',
  });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('once a user has resent it, it is like any other: a failure then is a failure', async () => {
  await using world = await startWorld();
  const { location, messageId, isUnknown } = await cutMessage(world);
  await world.api.delete(`/locations/${location.id}/channels/sms`).expect(204);
  await world.advanceUntil(isUnknown);
  await world.api.post(`/messages/${(await world.getMessage(messageId)).id}/retry`).expect(202);
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.findMessage(messageId)).toMatchObject({ status: 'failed', error: { code: 'no_channel' } });
});

test('nor because it has no route any more, or the app was uninstalled', async () => {
  await using world = await startWorld();
  const { location, messageId, isUnknown } = await cutMessage(world);
  await world.api.delete(`/locations/${location.id}/channels/sms`).expect(204);
  await world.advanceUntil(isUnknown);
  expect((await world.getMessage(messageId)).reasonCode).toBe('no_channel');

  const other = await world.setUpLocation();
  world.vendor.respondWith('cut');
  const { messageId: second } = await text(world, other);
  await world.waitFor(async () => (await world.getMessage(second)).reasonCode === 'no_answer');
  await world.services.cancelQueued(other.id);
  expect(await world.getMessage(second)).toMatchObject({ state: 'pending', reasonCode: 'uninstalled' });
  expect((await world.getMessage(second)).heldForReviewAt).not.toBeNull();
  await world.advance(30_000);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toEqual([]);
});

test('an idempotent vendor that rejects an attempt has accepted none before: the message fails', async () => {
  await using world = await startWorld();
  const { messageId } = await cutMessage(world);
  world.vendor.respondWith({ status: 400, body: { error: { code: '21610', message: 'opted out' } } });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed']);
});

test('a rejection by a proxy is not authoritative', async () => {
  await using world = await startWorld();
  const { messageId, isUnknown } = await cutMessage(world);
  world.vendor.respondWith({ status: 404, body: '<h1>No such tunnel</h1>' });
  await world.advanceUntil(isUnknown);
  expect(world.highlevel.listStatuses(messageId)).toEqual([]);
});

test('nor is a rejection by the vendor of a changed connection authoritative for the vendor before', async () => {
  await using world = await startWorld();
  const { location, messageId, isUnknown } = await cutMessage(world);
  world.clock.jump(1_000);
  await world.connect(location.id, 'sms', { timeoutMs: 20_000 });
  world.vendor.respondWith({ status: 400, body: { error: { code: '21610', message: 'opted out' } } });
  await world.advanceUntil(isUnknown);
  expect(world.highlevel.listStatuses(messageId)).toEqual([]);
  await world.api.post(`/messages/${(await world.getMessage(messageId)).id}/retry`).expect(202);
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed']);
  // It is still the same send: an idempotent vendor must recognize it.
  expect(new Set(world.vendor.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
});

test('where the vendor is not idempotent and the connection resends, a later rejection proves no outcome of the first attempt', async () => {
  let sends = 0;
  const send = async (): Promise<SendOutcome> => {
    sends += 1;
    return { kind: sends === 1 ? 'unknown' : 'rejected', code: 'why', message: 'Rejected.' };
  };
  await using world = await startWorld({ channels: () => indexChannels([createNonIdempotentChannel(send)]) });
  const location = await world.install();
  const config = { whenUnknown: 'resend' };
  await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'non_idempotent', config }).expect(200);
  const { messageId } = await text(world, location);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).heldForReviewAt !== null);
  expect(await outcomes(world)).toEqual(['unknown', 'rejected']);
  expect(world.highlevel.listStatuses(messageId)).toEqual([]);
});

test('a receipt that settles a message releases its contact’s next one at once, not when the cancelled retry was due', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(() => (world.vendor.requests.length < 5 ? 'cut' : { body: { status: 'delivered' } }));
  const { messageId } = await text(world, location);
  await text(world, location);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).retryCount === 4);
  const { id, nextAttemptAt } = await world.getMessage(messageId);
  expect((nextAttemptAt?.getTime() ?? 0) - world.clock.now()).toBeGreaterThan(500_000);
  await world.postChannelWebhook(location.connectionId, 'status', { id, status: 'delivered' }).expect(202);
  await world.waitFor(() => world.vendor.requests.length === 5);
  expect(world.vendor.listReceived()).toHaveLength(2);
});
