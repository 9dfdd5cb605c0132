import { createDeliveryReceiver } from '../../src/messages/outbound/receive.ts';
import { createHookedDatabase } from '../support/hooked-database.ts';
import { startWorld } from '../support/world.ts';

test('a webhook behind another location’s twenty is stored and acknowledged while most of them still wait', async () => {
  await using world = await startWorld({ isIdle: true });
  const releases: (() => void)[] = [];
  const db = createHookedDatabase(world.services.db, '$queryRawUnsafe', () => new Promise<void>((done) => releases.push(done)));
  const receive = createDeliveryReceiver({ ...world.services, ...world.services.messaging, db });
  let receivedCount = 0;
  world.services.messaging.receiveDelivery = (...webhook) => {
    receivedCount += 1;
    return receive(...webhook);
  };
  const post = (locationId: string, messageId: string) =>
    world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify({ locationId, messageId }));

  // The first commit is held, so the others wait for the next.
  const first = post('flooding', 'first');
  await world.waitFor(() => releases.length === 1);
  let acknowledgedCount = 0;
  const flood = Array.from({ length: 20 }, async (_, index) => {
    expect(await post('flooding', `m${index}`)).toBe(202);
    acknowledgedCount += 1;
  });
  const quiet = post('quiet', 'm');
  await world.waitFor(() => receivedCount === 22);
  releases.shift()?.();
  expect(await first).toBe(202);
  let isQuietStored = false;
  void quiet.then(() => (isQuietStored = true));
  const releaseUntil = (isDone: () => boolean) =>
    world.waitFor(() => {
      releases.shift()?.();
      return isDone();
    });
  await releaseUntil(() => isQuietStored);
  expect(await quiet).toBe(202);
  expect(acknowledgedCount).toBeLessThan(20);
  await releaseUntil(() => acknowledgedCount === 20);
  await Promise.all(flood);
  expect(await world.db.message.count()).toBe(22);
});
