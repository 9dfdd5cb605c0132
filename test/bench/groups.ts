import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { claim } from '../../src/queue/claim.ts';
import { trackConcurrency } from '../../src/queue/concurrency.ts';
import { createScratchDatabase } from './scratch-database.ts';
import type { Figure } from './table.ts';

const few = 10;
const many = 10_000;
const limits = { total: 200, perGroup: 50 };
const measuredMs = 5_000;

/** Measures fair claiming between ten thousand locations that all have work, beside ten. */
export async function measureGroups(serverUrl: string): Promise<Figure[]> {
  const withFew = await measureClaims(serverUrl, few);
  const withMany = await measureClaims(serverUrl, many);
  return [
    {
      name: 'jobs claimed/s, 10,000 locations with work',
      ours: withMany.perSecond,
      peer: '10 locations, as many jobs',
      theirs: withFew.perSecond,
      ratio: withMany.perSecond / withFew.perSecond,
    },
    { name: 'until each of 10,000 locations has had a turn, s', ours: withMany.sweepSeconds },
  ];
}

/** Claims and ends jobs of so many locations in one process, as fast as it can; HighLevel's limit holds for each location. */
async function measureClaims(serverUrl: string, groupCount: number) {
  const scratch = await createScratchDatabase(serverUrl);
  const db = await openDatabase({ kind: 'postgres', url: scratch.url });
  try {
    const workerId = createIdGenerator(systemClock, randomBytes)();
    await db.client.worker.create({ data: { id: workerId } });
    await insertJobs(db, groupCount);
    const served = new Set<string>();
    const startedAt = systemClock.now();
    let count = 0;
    let sweepSeconds = Number.NaN;
    let cursor = '';
    while (systemClock.now() - startedAt < measuredMs || (groupCount === many && served.size < many)) {
      const claimed = await claim(
        { db, clock: systemClock },
        {
          queue: 'deliver',
          workerId,
          defaultLimit: null,
          quotas: trackConcurrency(limits, systemClock.elapsed).quotas,
          cursor,
        },
      );
      cursor = claimed.cursor;
      count += claimed.jobs.length;
      for (const { groupKey } of claimed.jobs) served.add(groupKey);
      if (Number.isNaN(sweepSeconds) && served.size === groupCount) sweepSeconds = (systemClock.now() - startedAt) / 1000;
      await db.client.job.deleteMany({ where: { workerId } });
    }
    return { perSecond: (1000 * count) / (systemClock.now() - startedAt), sweepSeconds };
  } finally {
    await db.close();
    await scratch.remove();
  }
}

const totalJobs = 200_000;

function insertJobs(db: Database, groupCount: number): Promise<number> {
  return db.client.$executeRaw`
    INSERT INTO jobs (queue, message_id, group_key, ordering_key, due_at, is_head)
    SELECT 'deliver', gen_random_uuid(), 'sending/' || n % ${groupCount}::int || '/sms', n::text, now(), true
    FROM generate_series(1, ${totalJobs}::int) AS n`;
}
