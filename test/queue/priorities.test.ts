import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { openDatabase } from '../../src/database/client.ts';
import { claim } from '../../src/queue/claim.ts';
import type { NewJob } from '../../src/queue/job.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { createTestDatabase } from '../support/databases.ts';

const newId = createIdGenerator(systemClock, randomBytes);
const hour = 60 * 60 * 1000;

test('a group is claimable whichever of its priorities is due, and else waits for the earliest of them', async () => {
  const { target, remove } = await createTestDatabase();
  const db = await openDatabase(target);
  try {
    const at = (ms: number) => new Date(systemClock.now() + ms);
    const createReport = (groupKey: string, priority: number, dueAt: Date): NewJob => {
      const messageId = newId();
      return { queue: 'highlevel', messageId, groupKey, orderingKey: messageId, priority, dueAt };
    };
    const earliest = at(hour);
    await enqueue(db.client, [
      createReport('a', 0, at(2 * hour)),
      createReport('a', 2, at(-1_000)),
      createReport('b', 0, at(3 * hour)),
      createReport('b', 1, at(2 * hour)),
      createReport('b', 2, earliest),
      createReport('c', 1, at(-1_000)),
    ]);
    const workerId = newId();
    await db.client.worker.create({ data: { id: workerId } });
    const quotas = (keys: readonly string[]) => keys.map(() => 5);
    const options = {
      queue: 'highlevel',
      workerId,
      claimNumber: 1,
      defaultLimit: null,
      quotas,
      cursor: '',
      maxRead: 200,
    } as const;
    const claimed = await claim({ db, clock: systemClock }, options);
    expect(claimed.jobs.map(({ groupKey }) => groupKey).sort()).toEqual(['a', 'c']);
    expect(claimed.nextAt).toBe(earliest.getTime());
  } finally {
    await db.close();
    await remove();
  }
});
