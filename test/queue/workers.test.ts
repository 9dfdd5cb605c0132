import { claim } from '../../src/queue/claim.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { registerWorker, type Worker } from '../../src/queue/workers.ts';
import { createTestClock } from '../support/test-clock.ts';
import { startWorld } from '../support/world.ts';

const heartbeatIntervalMs = 2_000;

/** A world without workers of its own, whose database several processes share. */
async function startQueue() {
  const world = await startWorld({ isIdle: true });
  const deps = { ...world.services, db: { ...world.services.db, isShared: true } };
  const wanted = {
    queue: 'deliver',
    defaultLimit: null,
    quotas: (groups: readonly string[]) => groups.map(() => 10),
    cursor: '',
  } as const;
  return {
    world,
    deps,
    /** A process with a clock of its own; without a tick it is as good as killed. */
    async join() {
      const clock = createTestClock();
      const worker = await registerWorker({ ...deps, clock });
      let heartbeats = 0;
      return {
        worker,
        async beat() {
          heartbeats += 1;
          await clock.tick(heartbeatIntervalMs);
          await world.waitFor(async () => ((await readHeartbeat(worker)) ?? heartbeats) >= heartbeats);
        },
        passTime: (ms: number) => clock.tick(ms),
      };
    },
    async addJob() {
      const messageId = deps.newId();
      await enqueue(world.db, [
        { queue: 'deliver', messageId, groupKey: 'lane', orderingKey: messageId, priority: 0, dueAt: new Date(0) },
      ]);
    },
    claim: async (workerId: string) => (await claim(deps, { ...wanted, workerId })).jobs.length,
    inHand: () => world.db.job.count({ where: { workerId: { not: null } } }),
  };

  async function readHeartbeat(worker: Worker) {
    return (await world.db.worker.findUnique({ where: { id: worker.id() } }))?.heartbeat;
  }
}

test('the jobs of a killed process are taken over, though no other lives long enough to see it silent for ten seconds', async () => {
  const queue = await startQueue();
  await using _world = queue.world;
  const killed = await queue.join();
  await queue.addJob();
  expect(await queue.claim(killed.worker.id())).toBe(1);
  for (let lives = 0; lives < 4; lives++) {
    const short = await queue.join();
    for (let heartbeats = 0; heartbeats < 2; heartbeats++) await short.beat();
    await short.worker.stop();
    expect(await queue.inHand()).toBe(lives < 2 ? 1 : 0);
  }
});

test('nobody is taken for dead because the database was away from everybody', async () => {
  const queue = await startQueue();
  await using world = queue.world;
  const [one, two] = [await queue.join(), await queue.join()];
  await queue.addJob();
  expect(await queue.claim(two.worker.id())).toBe(1);
  for (let heartbeats = 0; heartbeats < 2; heartbeats++) {
    await two.beat();
    await one.beat();
  }
  await world.db.$executeRawUnsafe('ALTER TABLE workers RENAME TO workers_away');
  for (let seconds = 0; seconds < 20; seconds += 2) await one.passTime(heartbeatIntervalMs);
  // The last beat that fails is waited for, and then the database is there again.
  await expect(world.db.worker.count()).rejects.toThrow();
  await world.db.$executeRawUnsafe('ALTER TABLE workers_away RENAME TO workers');
  await one.beat();
  expect(await queue.inHand()).toBe(1);
  await one.worker.stop();
  expect(await queue.inHand()).toBe(1);
});

test('a process that was taken for dead takes no job under the name that nobody knows any more', async () => {
  const queue = await startQueue();
  await using world = queue.world;
  const { worker, passTime } = await queue.join();
  await queue.addJob();
  await world.db.worker.delete({ where: { id: worker.id() } });
  expect(await queue.claim(worker.id())).toBe(0);
  await passTime(heartbeatIntervalMs);
  await world.waitFor(async () => (await world.db.worker.count()) === 1);
  expect(await queue.claim(worker.id())).toBe(1);
});
