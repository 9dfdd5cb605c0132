import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { openDatabase } from '../../src/database/client.ts';
import { claim } from '../../src/queue/claim.ts';
import { trackConcurrency } from '../../src/queue/concurrency.ts';
import type { Job, NewJob } from '../../src/queue/job.ts';
import { releaseOrphanedJobs } from '../../src/queue/orphans.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { repairQueueHeads } from '../../src/queue/sql/repair-heads.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createTestDatabase } from '../support/databases.ts';
import { finishJob } from '../support/finish-job.ts';
import { createHookedDatabase } from '../support/hooked-database.ts';
import { pollUntil } from '../support/program.ts';
import { createTestClock } from '../support/test-clock.ts';

const newId = createIdGenerator(systemClock, randomBytes);

function createJob(orderingKey: string, groupKey = `group ${orderingKey.length % 3}`): NewJob {
  return { queue: 'deliver', messageId: newId(), groupKey, orderingKey, priority: 0, dueAt: new Date() };
}

async function openWorld() {
  const { target, remove } = await createTestDatabase();
  const db = await openDatabase(target);
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.close();
      await remove();
    },
  };
}

test('jobs that are added while others of their ordering key finish all run, each once, and one of a key at a time', async () => {
  await using world = await openWorld();
  const { db } = world;
  const log = createLog('silent');
  const done: string[] = [];
  const running = new Set<string>();
  const orderingKeys = new Map<string, string>();
  const handle = async (job: Job) => {
    const key = orderingKeys.get(job.messageId) as string;
    expect(running.has(key)).toBe(false);
    running.add(key);
    await new Promise((next) => setImmediate(next));
    running.delete(key);
    done.push(job.messageId);
    await finishJob(db, job);
  };
  const queues = Array.from({ length: db.isShared ? 2 : 1 }, () => createQueue({ db, clock: systemClock, newId, log }));
  await Promise.all(queues.map((queue) => queue.work('deliver', { concurrency: { total: 40, perGroup: 20 } }, handle)));

  // Few keys, so that additions and ends often coincide.
  const rounds = 40;
  const adders = Array.from({ length: 4 }, async () => {
    for (let round = 0; round < rounds; round++) {
      const jobs = Array.from({ length: 5 }, () => createJob('k'.repeat(1 + Math.floor(Math.random() * 6))));
      for (const { messageId, orderingKey: key } of jobs) orderingKeys.set(messageId, key);
      await db.transaction((tx) => enqueue(tx, jobs));
    }
  });
  await Promise.all(adders);
  await pollUntil(async () => (await db.client.job.count()) === 0, 'all jobs are done', 30_000);
  expect(done).toHaveLength(4 * rounds * 5);
  expect(new Set(done).size).toBe(done.length);
  await Promise.all(queues.map((queue) => queue.stop(2_000)));
});

test('jobs that leave their ordering key run too, and the others of the key stay in order', async () => {
  await using world = await openWorld();
  const { db } = world;
  const log = createLog('silent');
  const orderingKeys = new Map<string, string>();
  const running = new Set<string>();
  const done: string[] = [];
  const left = new Set<string>();
  const handle = async (job: Job) => {
    const { messageId } = job;
    const key = left.has(messageId) ? messageId : (orderingKeys.get(messageId) as string);
    expect(running.has(key)).toBe(false);
    running.add(key);
    await new Promise((next) => setImmediate(next));
    running.delete(key);
    const releasesOrderingKey = !left.has(messageId) && Math.random() < 0.3;
    if (releasesOrderingKey) {
      left.add(messageId);
      return finishJob(db, job, { runAgainAt: new Date(Date.now() + 20 * Math.random()), releasesOrderingKey });
    }
    done.push(messageId);
    return finishJob(db, job);
  };
  const queues = Array.from({ length: db.isShared ? 2 : 1 }, () => createQueue({ db, clock: systemClock, newId, log }));
  await Promise.all(queues.map((queue) => queue.work('deliver', { concurrency: { total: 40, perGroup: 20 } }, handle)));
  const adders = Array.from({ length: 4 }, async (_, adder) => {
    for (let round = 0; round < 20; round++) {
      const jobs = Array.from({ length: 5 }, () => createJob('k'.repeat(1 + adder)));
      for (const { messageId, orderingKey: key } of jobs) orderingKeys.set(messageId, key);
      await db.transaction((tx) => enqueue(tx, jobs));
    }
  });
  await Promise.all(adders);
  await pollUntil(async () => (await db.client.job.count()) === 0, 'all jobs are done', 30_000);
  expect(done.toSorted()).toEqual([...orderingKeys.keys()].toSorted());
  for (const [, ids] of Map.groupBy(
    done.filter((id) => !left.has(id)),
    (id) => orderingKeys.get(id),
  )) {
    expect(ids).toEqual(ids.toSorted());
  }
  await Promise.all(queues.map((queue) => queue.stop(2_000)));
});

test('a job leaves its ordering key with the end of its run, and only if it runs again', async () => {
  await using world = await openWorld();
  const { db } = world;
  const [one, two, three] = [createJob('one'), createJob('one'), createJob('one')];
  await enqueue(db.client, [one, two, three]);
  const workerId = newId();
  const toRunning = (job: NewJob): Job => ({ ...job, workerId, claimNumber: 0, signal: new AbortController().signal });
  const claimJob = (job: NewJob) => db.client.job.updateMany({ where: { messageId: job.messageId }, data: { workerId } });
  const rows = async () => {
    const found = await db.client.job.findMany({ orderBy: { messageId: 'asc' } });
    return found.map(({ orderingKey: key, isHead }) => ({ key, isHead }));
  };
  const again = new Date();
  await claimJob(one);
  // Another worker has claimed it since: the result is discarded.
  await finishJob(db, { ...toRunning(one), workerId: newId() }, { runAgainAt: again, releasesOrderingKey: true });
  expect(await rows()).toEqual([true, false, false].map((isHead) => ({ key: 'one', isHead })));
  // So is the result of an earlier run of the same worker, which is written again because the response to its commit was lost.
  await finishJob(db, { ...toRunning(one), claimNumber: 7 }, { runAgainAt: again, releasesOrderingKey: true });
  await finishJob(db, { ...toRunning(one), claimNumber: 7 });
  expect(await rows()).toEqual([true, false, false].map((isHead) => ({ key: 'one', isHead })));
  expect(await db.client.job.count({ where: { workerId } })).toBe(1);
  await finishJob(db, toRunning(one), { runAgainAt: again, releasesOrderingKey: true });
  const own = { key: one.messageId, isHead: true };
  expect(await rows()).toEqual([own, { key: 'one', isHead: true }, { key: 'one', isHead: false }]);
  // Once more, and beside a job that is done.
  await claimJob(one);
  await finishJob(db, toRunning(one), { runAgainAt: again, releasesOrderingKey: true });
  await claimJob(two);
  await finishJob(db, toRunning(two), { runAgainAt: null, releasesOrderingKey: true });
  expect(await rows()).toEqual([own, { key: 'one', isHead: true }]);
  await claimJob(one);
  await finishJob(db, toRunning(one));
  expect(await rows()).toEqual([{ key: 'one', isHead: true }]);
});

test('the first job of an ordering key is its head, then the next one, and a key without a head is repaired', async () => {
  await using world = await openWorld();
  const { db } = world;
  const jobs = [createJob('one'), createJob('one'), createJob('two'), createJob('one')];
  await enqueue(db.client, jobs);
  const getHeads = async () => {
    const rows = await db.client.job.findMany({ where: { isHead: true }, orderBy: { messageId: 'asc' } });
    return rows.map(({ messageId }) => jobs.findIndex((job) => job.messageId === messageId));
  };
  expect(await getHeads()).toEqual([0, 2]);

  const workerId = newId();
  await db.client.job.updateMany({ where: { isHead: true }, data: { workerId } });
  await finishJob(db, { ...(jobs[0] as NewJob), workerId, claimNumber: 0, signal: new AbortController().signal });
  expect(await getHeads()).toEqual([1, 2]);

  await db.client.job.deleteMany({ where: { messageId: jobs[1]?.messageId ?? '' } });
  expect(await getHeads()).toEqual([2]);
  await repairQueueHeads(db.client);
  expect(await getHeads()).toEqual([2, 3]);

  // A job with the lowest id of its key becomes a head, as after a resend.
  const older = { ...createJob('one'), messageId: '01000000-0000-7000-8000-000000000000' };
  await enqueue(db.client, [older]);
  expect(
    (await db.client.job.findMany({ where: { orderingKey: 'one', isHead: true } })).map(({ messageId }) => messageId),
  ).toContain(older.messageId);
});

test('with more groups than one poll reads, each is served once before any is served twice', async () => {
  await using world = await openWorld();
  const { db } = world;
  const groupCount = 1_200;
  const jobs = Array.from({ length: 2 * groupCount }, (_, index) => createJob(`${index}`, `group ${index % groupCount}`));
  await enqueue(db.client, jobs);
  // The planner's statistics must not change the order of turns.
  await db.client.rateLimitRow.createMany({
    data: Array.from({ length: groupCount / 2 }, (_, index) => ({ key: `group ${2 * index}`, tatAt: new Date(0) })),
  });
  await db.client.$executeRaw`ANALYZE jobs, rate_limits`;
  const workerId = newId();
  await db.client.worker.create({ data: { id: workerId } });
  const served: string[] = [];
  let cursor = '';
  do {
    const { quotas } = trackConcurrency({ total: 200, perGroup: 50 }, systemClock.elapsed);
    const options = { queue: 'deliver', workerId, claimNumber: 1, defaultLimit: null, quotas, cursor, maxRead: 200 } as const;
    const claimed = await claim({ db, clock: systemClock }, options);
    served.push(...claimed.jobs.map(({ groupKey }) => groupKey));
    cursor = claimed.cursor;
  } while (cursor !== '');
  expect(served).toHaveLength(groupCount);
  expect(new Set(served).size).toBe(groupCount);
});

test('a worker that debounces under load stops at once', async () => {
  await using world = await openWorld();
  const { db } = world;
  // A clock that stands still: a wait for it would never end.
  const clock = createTestClock();
  const queue = createQueue({ db, clock, newId, log: createLog('silent') });
  const jobs = [createJob('one'), createJob('two'), createJob('three')].map((job) => ({
    ...job,
    dueAt: new Date(clock.now()),
  }));
  await enqueue(db.client, jobs);
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  let running = 0;
  await queue.work('deliver', { concurrency: { total: 20, perGroup: 20 } }, async (job) => {
    running += 1;
    await held;
    await finishJob(db, job);
  });
  await pollUntil(() => running === 3, 'all are running');
  const stopped = queue.stop(1_000);
  release();
  await stopped;
  expect(await db.client.job.count()).toBe(0);
});

test('jobs of a claim whose result was lost run too, and no running job is claimed twice', async () => {
  await using world = await openWorld();
  const { db } = world;
  let polls = 0;
  const losing = createHookedDatabase(db, '$queryRawUnsafe', () => {
    // The claim commits; only its result is lost.
    if (++polls === 2) throw new Error('Connection terminated unexpectedly');
  });
  const queue = createQueue({ db: losing, clock: systemClock, newId, log: createLog('silent') });
  const handled: string[] = [];
  let release = () => {};
  const isReleased = new Promise<void>((done) => {
    release = done;
  });
  const [first, lost] = [createJob('one'), createJob('two')];
  await enqueue(db.client, [first]);
  await queue.work('deliver', { concurrency: { total: 40, perGroup: 20 } }, async (job) => {
    handled.push(job.messageId);
    if (job.messageId === first.messageId) await isReleased;
    await finishJob(db, job);
  });
  await pollUntil(() => handled.length === 1, 'the first is running');
  await enqueue(db.client, [lost]);
  await pollUntil(async () => (await db.client.job.count()) === 1, 'the lost one is done');
  release();
  await pollUntil(async () => (await db.client.job.count()) === 0, 'both are done');
  await queue.stop(100);
  expect(handled).toEqual([first.messageId, lost.messageId]);
});

test('an orphaned job that was claimed again since it was read is not released', async () => {
  await using world = await openWorld();
  const { db } = world;
  const [one, two] = [createJob('one'), createJob('two')];
  await enqueue(db.client, [one, two]);
  const workerId = newId();
  const claimJob = (messageId: string) => db.client.job.updateMany({ where: { messageId }, data: { workerId } });
  await claimJob(one.messageId);
  await claimJob(two.messageId);
  let reads = 0;
  const slow = createHookedDatabase(db, '$queryRaw', async () => {
    reads += 1;
    // It finishes and is claimed once more before the statement that releases it arrives.
    await claimJob(one.messageId);
  });
  await releaseOrphanedJobs(slow, 'deliver', workerId, []);
  expect(reads).toBe(1);
  const jobs = await db.client.job.findMany({ orderBy: { messageId: 'asc' } });
  expect(jobs.map((job) => job.workerId)).toEqual([workerId, null]);
});
