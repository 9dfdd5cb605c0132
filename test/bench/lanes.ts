import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { claim } from '../../src/queue/claim.ts';
import { trackConcurrency } from '../../src/queue/concurrency.ts';
import { scratchDatabase } from './scratch-database.ts';
import type { Figure } from './table.ts';

const few = 10;
const many = 10_000;
const limits = { total: 200, perGroup: 50 };
const measuredMs = 5_000;

/** What it costs to take turns between ten thousand locations that all have work, beside ten. */
export async function lanes(serverUrl: string): Promise<Figure[]> {
  const withFew = await handingOut(serverUrl, few);
  const withMany = await handingOut(serverUrl, many);
  return [
    {
      name: 'jobs handed out/s, 10,000 locations with work',
      ours: withMany.perSecond,
      peer: '10 locations, as many jobs',
      theirs: withFew.perSecond,
      ratio: withMany.perSecond / withFew.perSecond,
    },
    { name: 'until each of 10,000 locations has had a turn, s', ours: withMany.tourSeconds },
  ];
}

/** One process that takes and ends jobs as fast as it can, of so many locations; HighLevel's limit holds for each of them. */
async function handingOut(serverUrl: string, laneCount: number) {
  const scratch = await scratchDatabase(serverUrl);
  const db = await openDatabase({ kind: 'postgres', url: scratch.url });
  try {
    const workerId = createIdGenerator(systemClock, randomBytes)();
    await db.client.worker.create({ data: { id: workerId } });
    await fill(db, laneCount);
    const served = new Set<string>();
    const beganAt = systemClock.now();
    let count = 0;
    let tourSeconds = Number.NaN;
    let cursor = '';
    while (systemClock.now() - beganAt < measuredMs || (laneCount === many && served.size < many)) {
      const looked = await claim(
        { db, clock: systemClock },
        { queue: 'deliver', workerId, quotas: trackConcurrency(limits, systemClock.elapsed).quotas, cursor },
      );
      cursor = looked.cursor;
      count += looked.jobs.length;
      for (const { groupKey: lane } of looked.jobs) served.add(lane);
      if (Number.isNaN(tourSeconds) && served.size === laneCount) tourSeconds = (systemClock.now() - beganAt) / 1000;
      await db.client.job.deleteMany({ where: { workerId } });
    }
    return { perSecond: (1000 * count) / (systemClock.now() - beganAt), tourSeconds };
  } finally {
    await db.close();
    await scratch.remove();
  }
}

const jobsInAll = 200_000;

function fill(db: Database, laneCount: number): Promise<number> {
  return db.client.$executeRaw`
    INSERT INTO jobs (kind, message_id, lane, key, due_at, is_first)
    SELECT 'deliver', gen_random_uuid(), 'sending/' || n % ${laneCount}::int || '/sms', n::text, now(), true
    FROM generate_series(1, ${jobsInAll}::int) AS n`;
}
