import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { openDatabase } from '../../src/database/client.ts';
import type { NewJob } from '../../src/queue/job.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { finishJobsCte, lockJobsCte, toFinishRows, toLockRow } from '../../src/queue/sql/finish-jobs.ts';
import { createTestDatabase, waitForBlockedTransaction } from '../support/databases.ts';

const newId = createIdGenerator(systemClock, randomBytes);
const createJob = (): NewJob => ({
  queue: 'deliver',
  messageId: newId(),
  groupKey: 'l',
  orderingKey: 'k',
  priority: 0,
  dueAt: new Date(),
});

test('a job that is being added while the one before it ends becomes the first, whoever commits first', async () => {
  const { target, remove } = await createTestDatabase();
  const db = await openDatabase(target);
  const workerId = newId();
  const held = { ...createJob(), workerId, signal: new AbortController().signal };
  await enqueue(db.client, [held]);
  await db.client.job.updateMany({ data: { workerId } });

  let ending: Promise<void> = Promise.resolve();
  const follower = createJob();
  await db.transaction(async (tx) => {
    await enqueue(tx, [follower]);
    ending = db.transaction(async (other) => {
      await other.$queryRawUnsafe(
        `WITH ${lockJobsCte('$1', 'messages')} SELECT count(*) FROM held`,
        JSON.stringify([toLockRow(held)]),
      );
      const rows = JSON.stringify(toFinishRows([{ job: held, runAgainAt: null }]));
      await other.$queryRawUnsafe(`WITH ${finishJobsCte('$1')} SELECT count FROM ended_jobs`, rows);
    });
    await waitForBlockedTransaction(db);
  });
  await ending;
  expect(await db.client.job.findMany()).toMatchObject([{ messageId: follower.messageId, isHead: true }]);
  await db.close();
  await remove();
});
