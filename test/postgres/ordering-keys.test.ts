import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { openDatabase } from '../../src/database/client.ts';
import type { NewJob } from '../../src/queue/job.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { createTestDatabase, waitForBlockedStatement } from '../support/databases.ts';
import { finishJob } from '../support/finish-job.ts';

const newId = createIdGenerator(systemClock, randomBytes);
const createJob = (): NewJob => ({
  queue: 'deliver',
  messageId: newId(),
  groupKey: 'l',
  orderingKey: 'k',
  priority: 0,
  dueAt: new Date(),
});

test('a job that is added while the one before it finishes becomes the head, in either order of commit', async () => {
  const { target, remove } = await createTestDatabase();
  const db = await openDatabase(target);
  const workerId = newId();
  const running = { ...createJob(), workerId, claimNumber: 0, signal: new AbortController().signal };
  await enqueue(db.client, [running]);
  await db.client.job.updateMany({ data: { workerId } });

  let finishing: Promise<void> = Promise.resolve();
  const follower = createJob();
  await db.transaction(async (tx) => {
    await enqueue(tx, [follower]);
    finishing = finishJob(db, running);
    await waitForBlockedStatement(db, 'held AS');
  });
  await finishing;
  expect(await db.client.job.findMany()).toMatchObject([{ messageId: follower.messageId, isHead: true }]);
  await db.close();
  await remove();
});
