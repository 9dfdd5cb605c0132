import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { claim } from '../../src/queue/claim.ts';
import { trackConcurrency } from '../../src/queue/concurrency.ts';
import type { Job, NewJob } from '../../src/queue/job.ts';
import { releaseOrphanedJobs } from '../../src/queue/orphans.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { finishJobsCte, lockJobsCte, toFinishRows, toLockRow } from '../../src/queue/sql/finish-jobs.ts';
import { repairQueueHeads } from '../../src/queue/sql/repair-heads.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createTestDatabase } from '../support/databases.ts';
import { createHookedDatabase } from '../support/hooked-database.ts';
import { pollUntil } from '../support/program.ts';
import { createTestClock } from '../support/test-clock.ts';

const newId = createIdGenerator(systemClock, randomBytes);

function createJob(key: string, lane = `lane ${key.length % 3}`): NewJob {
  return { queue: 'deliver', messageId: newId(), groupKey: lane, orderingKey: key, priority: 0, dueAt: new Date() };
}

/** Ends a job as the pipeline does: locked first, ended in a later statement of the same transaction. */
function end(
  db: Database,
  job: Job,
  how: { runAgainAt: Date | null; releasesOrderingKey?: boolean } = { runAgainAt: null },
): Promise<void> {
  return db.transaction(async (tx) => {
    await tx.$queryRawUnsafe(
      `WITH ${lockJobsCte('$1', 'messages')} SELECT count(*) FROM held`,
      JSON.stringify([toLockRow(job)]),
    );
    await tx.$queryRawUnsafe(
      `WITH ${finishJobsCte('$1')} SELECT count FROM ended_jobs`,
      JSON.stringify(toFinishRows([{ job, ...how }])),
    );
  });
}

async function opened() {
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

test('jobs that are added while others of their key end are all done, each once, one of a key at a time', async () => {
  await using world = await opened();
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
    await end(db, job);
  };
  const queues = Array.from({ length: db.isShared ? 2 : 1 }, () => createQueue({ db, clock: systemClock, newId, log }));
  await Promise.all(queues.map((queue) => queue.work('deliver', { concurrency: { total: 40, perGroup: 20 } }, handle)));

  // Few keys, so that adding and ending meet all the time.
  const rounds = 40;
  const adders = Array.from({ length: 4 }, async () => {
    for (let round = 0; round < rounds; round++) {
      const jobs = Array.from({ length: 5 }, () => createJob('k'.repeat(1 + Math.floor(Math.random() * 6))));
      for (const { messageId, orderingKey: key } of jobs) orderingKeys.set(messageId, key);
      await db.transaction((tx) => enqueue(tx, jobs));
    }
  });
  await Promise.all(adders);
  await pollUntil(async () => (await db.client.job.count()) === 0, 'every job is done', 30_000);
  expect(done).toHaveLength(4 * rounds * 5);
  expect(new Set(done).size).toBe(done.length);
  await Promise.all(queues.map((queue) => queue.stop(2_000)));
});

test('jobs that leave their key are done all the same, and the others of it keep their order', async () => {
  await using world = await opened();
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
    const leavesKey = !left.has(messageId) && Math.random() < 0.3;
    if (leavesKey) {
      left.add(messageId);
      return end(db, job, { runAgainAt: new Date(Date.now() + 20 * Math.random()), releasesOrderingKey: leavesKey });
    }
    done.push(messageId);
    return end(db, job);
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
  await pollUntil(async () => (await db.client.job.count()) === 0, 'every job is done', 30_000);
  expect(done.toSorted()).toEqual([...orderingKeys.keys()].toSorted());
  for (const [, ofKey] of Map.groupBy(
    done.filter((id) => !left.has(id)),
    (id) => orderingKeys.get(id),
  )) {
    expect(ofKey).toEqual(ofKey.toSorted());
  }
  await Promise.all(queues.map((queue) => queue.stop(2_000)));
});

test('a job leaves its key with the end of its run or not at all, and only once it is to run again', async () => {
  await using world = await opened();
  const { db } = world;
  const [one, two, three] = [createJob('one'), createJob('one'), createJob('one')];
  await enqueue(db.client, [one, two, three]);
  const workerId = newId();
  const toRunning = (job: NewJob): Job => ({ ...job, workerId, signal: new AbortController().signal });
  const take = (job: NewJob) => db.client.job.updateMany({ where: { messageId: job.messageId }, data: { workerId } });
  const rows = async () => {
    const found = await db.client.job.findMany({ orderBy: { messageId: 'asc' } });
    return found.map(({ orderingKey: key, isHead: isFirst }) => ({ key, isFirst }));
  };
  const again = new Date();
  await take(one);
  // Another process has it by now: nothing changes.
  await end(db, { ...toRunning(one), workerId: newId() }, { runAgainAt: again, releasesOrderingKey: true });
  expect(await rows()).toEqual([true, false, false].map((isFirst) => ({ key: 'one', isFirst })));
  await end(db, toRunning(one), { runAgainAt: again, releasesOrderingKey: true });
  const own = { key: one.messageId, isFirst: true };
  expect(await rows()).toEqual([own, { key: 'one', isFirst: true }, { key: 'one', isFirst: false }]);
  // Once more, and with a neighbour that ends for good.
  await take(one);
  await end(db, toRunning(one), { runAgainAt: again, releasesOrderingKey: true });
  await take(two);
  await end(db, toRunning(two), { runAgainAt: null, releasesOrderingKey: true });
  expect(await rows()).toEqual([own, { key: 'one', isFirst: true }]);
  await take(one);
  await end(db, toRunning(one));
  expect(await rows()).toEqual([{ key: 'one', isFirst: true }]);
});

test('only the first job of a key is up, the next one when it ends, and a key that has lost its first gets another', async () => {
  await using world = await opened();
  const { db } = world;
  const jobs = [createJob('one'), createJob('one'), createJob('two'), createJob('one')];
  await enqueue(db.client, jobs);
  const first = async () => {
    const rows = await db.client.job.findMany({ where: { isHead: true }, orderBy: { messageId: 'asc' } });
    return rows.map(({ messageId }) => jobs.findIndex((job) => job.messageId === messageId));
  };
  expect(await first()).toEqual([0, 2]);

  const workerId = newId();
  await db.client.job.updateMany({ where: { isHead: true }, data: { workerId } });
  await end(db, { ...(jobs[0] as NewJob), workerId, signal: new AbortController().signal });
  expect(await first()).toEqual([1, 2]);

  await db.client.job.deleteMany({ where: { messageId: jobs[1]?.messageId ?? '' } });
  expect(await first()).toEqual([2]);
  await repairQueueHeads(db.client);
  expect(await first()).toEqual([2, 3]);

  // One that is older than all of its key goes first, as after a person's resend.
  const older = { ...createJob('one'), messageId: '01000000-0000-7000-8000-000000000000' };
  await enqueue(db.client, [older]);
  expect(
    (await db.client.job.findMany({ where: { orderingKey: 'one', isHead: true } })).map(({ messageId }) => messageId),
  ).toContain(older.messageId);
});

test('of more lanes than one look sees, none is served twice before every other was served once', async () => {
  await using world = await opened();
  const { db } = world;
  const groupCount = 1_200;
  const jobs = Array.from({ length: 2 * groupCount }, (_, index) => createJob(`${index}`, `lane ${index % groupCount}`));
  await enqueue(db.client, jobs);
  // Figures of the database's own about the table must not decide about whose turn it is.
  await db.client.rateLimitRow.createMany({
    data: Array.from({ length: groupCount / 2 }, (_, index) => ({ key: `lane ${2 * index}`, tatAt: new Date(0) })),
  });
  await db.client.$executeRaw`ANALYZE jobs, rate_limits`;
  const workerId = newId();
  await db.client.worker.create({ data: { id: workerId } });
  const served: string[] = [];
  let cursor = '';
  do {
    const { quotas } = trackConcurrency({ total: 200, perGroup: 50 }, systemClock.elapsed);
    const options = { queue: 'deliver', workerId, defaultLimit: null, quotas, cursor } as const;
    const claimed = await claim({ db, clock: systemClock }, options);
    served.push(...claimed.jobs.map(({ groupKey: lane }) => lane));
    cursor = claimed.cursor;
  } while (cursor !== '');
  expect(served).toHaveLength(groupCount);
  expect(new Set(served).size).toBe(groupCount);
});

test('a worker that rests under load stops at once when it is told to', async () => {
  await using world = await opened();
  const { db } = world;
  // A clock that stands still: whatever waits for it waits for ever.
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
    await end(db, job);
  });
  await pollUntil(() => running === 3, 'all are in hand');
  const stopped = queue.stop(1_000);
  release();
  await stopped;
  expect(await db.client.job.count()).toBe(0);
});

test('jobs of a look whose answer was lost are done all the same, and none that is in hand is taken twice', async () => {
  await using world = await opened();
  const { db } = world;
  let polls = 0;
  const losing = createHookedDatabase(db, '$queryRawUnsafe', () => {
    // What is done is done; only the answer does not arrive.
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
    await end(db, job);
  });
  await pollUntil(() => handled.length === 1, 'the first is in hand');
  await enqueue(db.client, [lost]);
  await pollUntil(async () => (await db.client.job.count()) === 1, 'the lost one is done');
  release();
  await pollUntil(async () => (await db.client.job.count()) === 0, 'both are done');
  await queue.stop(100);
  expect(handled).toEqual([first.messageId, lost.messageId]);
});

test('a job that is taken again since it was seen astray is not freed', async () => {
  await using world = await opened();
  const { db } = world;
  const [one, two] = [createJob('one'), createJob('two')];
  await enqueue(db.client, [one, two]);
  const workerId = newId();
  const take = (messageId: string) => db.client.job.updateMany({ where: { messageId }, data: { workerId } });
  await take(one.messageId);
  await take(two.messageId);
  let sawAt = 0;
  const slow = createHookedDatabase(db, '$queryRaw', async () => {
    sawAt += 1;
    // It ends and is taken once more before the statement that frees it arrives.
    await take(one.messageId);
  });
  await releaseOrphanedJobs(slow, 'deliver', workerId, []);
  expect(sawAt).toBe(1);
  const jobs = await db.client.job.findMany({ orderBy: { messageId: 'asc' } });
  expect(jobs.map((job) => job.workerId)).toEqual([workerId, null]);
});
