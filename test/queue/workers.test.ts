import { claim } from '../../src/queue/claim.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { registerWorker, type Worker } from '../../src/queue/workers.ts';
import { createTestClock } from '../support/test-clock.ts';
import { startWorld } from '../support/world.ts';

const heartbeatIntervalMs = 2_000;

/** Starts a world without workers of its own, whose database several processes share. */
async function startQueue() {
  const world = await startWorld({ isIdle: true });
  const deps = { ...world.services, db: { ...world.services.db, isShared: true } };
  const wanted = {
    queue: 'deliver',
    defaultLimit: null,
    quotas: (groups: readonly string[]) => groups.map(() => 10),
    cursor: '',
    maxRead: 10,
  } as const;
  return {
    world,
    deps,
    /** Registers a worker with a clock of its own; without a tick it is as good as killed. */
    async register() {
      const clock = createTestClock();
      const worker = await registerWorker({ ...deps, clock });
      let heartbeats = 0;
      return {
        worker,
        async sendHeartbeat() {
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
        { queue: 'deliver', messageId, groupKey: 'group', orderingKey: messageId, priority: 0, dueAt: new Date(0) },
      ]);
    },
    claim: async (workerId: string) => (await claim(deps, { ...wanted, workerId, claimNumber: 1 })).jobs.length,
    countRunning: () => world.db.job.count({ where: { workerId: { not: null } } }),
  };

  async function readHeartbeat(worker: Worker) {
    return (await world.db.worker.findUnique({ where: { id: worker.id() } }))?.heartbeat;
  }
}

test('jobs of a killed worker are reassigned, though no other worker lives for the ten seconds of the timeout', async () => {
  const queue = await startQueue();
  await using _world = queue.world;
  const killed = await queue.register();
  await queue.addJob();
  expect(await queue.claim(killed.worker.id())).toBe(1);
  for (let lives = 0; lives < 4; lives++) {
    const short = await queue.register();
    for (let heartbeats = 0; heartbeats < 2; heartbeats++) await short.sendHeartbeat();
    await short.worker.stop();
    expect(await queue.countRunning()).toBe(lives < 2 ? 1 : 0);
  }
});

test('no worker is declared dead after a database outage', async () => {
  const queue = await startQueue();
  await using world = queue.world;
  const [one, two] = [await queue.register(), await queue.register()];
  await queue.addJob();
  expect(await queue.claim(two.worker.id())).toBe(1);
  for (let heartbeats = 0; heartbeats < 2; heartbeats++) {
    await two.sendHeartbeat();
    await one.sendHeartbeat();
  }
  await world.db.$executeRawUnsafe('ALTER TABLE workers RENAME TO workers_away');
  for (let seconds = 0; seconds < 20; seconds += 2) await one.passTime(heartbeatIntervalMs);
  // Waits for the last heartbeat that fails; then the outage ends.
  await expect(world.db.worker.count()).rejects.toThrow();
  await world.db.$executeRawUnsafe('ALTER TABLE workers_away RENAME TO workers');
  await one.sendHeartbeat();
  expect(await queue.countRunning()).toBe(1);
  await one.worker.stop();
  expect(await queue.countRunning()).toBe(1);
});

test('a worker that was declared dead claims no job under its old id', async () => {
  const queue = await startQueue();
  await using world = queue.world;
  const { worker, passTime } = await queue.register();
  await queue.addJob();
  await world.db.worker.delete({ where: { id: worker.id() } });
  expect(await queue.claim(worker.id())).toBe(0);
  await passTime(heartbeatIntervalMs);
  await world.waitFor(async () => (await world.db.worker.count()) === 1);
  expect(await queue.claim(worker.id())).toBe(1);
});
