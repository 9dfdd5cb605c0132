import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { openDatabase } from '../../src/database/client.ts';
import type { NewJob } from '../../src/queue/job.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createTestDatabase } from '../support/databases.ts';
import { pollUntil } from '../support/program.ts';
import { sendMany } from '../support/send-many.ts';
import { createTestClock } from '../support/test-clock.ts';
import { startWorld } from '../support/world.ts';

/** The worker's limits with default settings. */
const limits = { total: 500, perGroup: 100 };
const newId = createIdGenerator(systemClock, randomBytes);

/** Starts a queue whose jobs never end in the groups that hang, and at once in all others. */
async function startQueue() {
  const { target, remove } = await createTestDatabase();
  const db = await openDatabase(target);
  const clock = createTestClock();
  const queue = createQueue({ db, clock, newId, log: createLog('silent') });
  const done: string[] = [];
  const startedAt = clock.now();
  let hanging = 0;
  const world = {
    done,
    hanging: () => hanging,
    passedMs: () => clock.now() - startedAt,
    work: () =>
      queue.work('deliver', { concurrency: limits }, async ({ messageId, groupKey }) => {
        if (groupKey.startsWith('hangs')) {
          hanging += 1;
          return new Promise<void>(() => {});
        }
        await db.client.job.deleteMany({ where: { messageId } });
        done.push(groupKey);
      }),
    async add(groupKeys: readonly string[], each = 1) {
      const jobs = groupKeys.flatMap((groupKey) =>
        Array.from({ length: each }, (): NewJob => {
          const messageId = newId();
          return { queue: 'deliver', messageId, groupKey, orderingKey: messageId, priority: 0, dueAt: new Date(0) };
        }),
      );
      await enqueue(db.client, jobs);
    },
    /** Advances the clock in small steps, each followed by real time for its effects. */
    async until(condition: () => boolean, description: string) {
      for (let steps = 0; !condition(); steps++) {
        if (steps > 5_000) throw new Error(`It never happened: ${description}`);
        await clock.tick(20);
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
    },
    async [Symbol.asyncDispose]() {
      let isStopped = false;
      const stopped = queue.stop(0).finally(() => {
        isStopped = true;
      });
      // The queue sets its timers between statements, which take real time.
      await world.until(() => isStopped, 'the queue has stopped');
      await stopped;
      await db.close();
      await remove();
    },
  };
  return world;
}

const hangingGroups = (count: number) => Array.from({ length: count }, (_, index) => `hangs/${index}`);

test.each([6, 50, 600])(
  'while %i groups with many jobs hang, a group that has never run a job starts one within a second',
  async (count) => {
    await using world = await startQueue();
    await world.add(hangingGroups(count), count > 100 ? 2 : 40);
    await world.work();
    await pollUntil(() => world.hanging() >= Math.min(4 * count, 100), 'they hang');
    const startedMs = world.passedMs();
    await world.add(['zz responds'], 3);
    await world.until(() => world.done.length === 3, 'it is done');
    expect(world.passedMs() - startedMs).toBeLessThan(1_000);
    expect(world.hanging()).toBeLessThan(2 * limits.total);
  },
);

test('any number of groups that hang leaves a slot for one that has responded before', async () => {
  await using world = await startQueue();
  await world.add(['zz responds']);
  await world.work();
  await pollUntil(() => world.done.length === 1, 'it has responded');
  await world.add(hangingGroups(2_500));
  await world.until(() => world.passedMs() > 3_000, 'they have all their slots');
  const startedMs = world.passedMs();
  await world.add(['zz responds'], 20);
  await world.until(() => world.done.length === 21, 'it is done');
  expect(world.passedMs() - startedMs).toBeLessThan(1_000);
});

test('while the gateways of six locations hang, another location’s message is delivered within a second', async () => {
  // Fewer slots than by default, so that fewer messages fill them.
  await using world = await startWorld({ services: { sendConcurrency: 60 } });
  const { highlevel, vendor, clock } = world;
  const hanging = [];
  for (let count = 0; count < 6; count++) hanging.push(await world.setUpLocation());
  const healthy = await world.setUpLocation();
  let release = () => {};
  const isReleased = new Promise<void>((done) => {
    release = done;
  });
  using _released = { [Symbol.dispose]: () => release() };
  const delivered = { body: { status: 'delivered' } };
  vendor.respondWith(({ body }) => (body.text === 'hello' ? delivered : isReleased.then(() => delivered)));
  for (const location of hanging) await sendMany(world, location, 15);
  await world.advanceUntil(() => vendor.requests.length >= 60, 'they hang', 20);
  const sentMs = clock.now();
  const { messageId } = await highlevel.sendMessage(healthy.id, { contactId: healthy.contact.id, text: 'hello' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).state === 'delivered', 'it is delivered', 100);
  expect(clock.now() - sentMs).toBeLessThan(1_000);
  release();
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { state: 'pending' } })) === 0,
    'all is delivered',
    100,
  );
});
