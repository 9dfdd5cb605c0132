import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/core/clock.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { claim } from '../../src/queue/claim.ts';
import { trackConcurrency } from '../../src/queue/concurrency.ts';
import type { Bench } from './bench.ts';
import { createScratchDatabase } from './scratch-database.ts';
import { compare, type Figure, measured } from './table.ts';
import { measureInTurns, median } from './turns.ts';

const few = 10;
const many = 10_000;
const limits = { total: 200, perGroup: 50 };
const measuredMs = 5_000;

/** Measures fair claiming between ten thousand locations that all have work, beside ten. */
export async function* measureGroups(bench: Bench): AsyncGenerator<Figure> {
  const counts = { many, few };
  const runs = await measureInTurns(bench, ['many', 'few'], bench.isQuick ? 1 : 5, (name) =>
    measureClaims(bench.serverUrl, counts[name]),
  );
  const ratesOf = (name: 'many' | 'few') => runs[name].map(({ perSecond }) => perSecond);
  const peer = { name: '10 locations, as many jobs', turns: ratesOf('few') };
  yield compare('jobs claimed/s, 10,000 locations with work', ratesOf('many'), peer, { atLeast: 0.8 });
  const sweepSeconds = median(runs.many.map((run) => run.sweepSeconds));
  yield measured('until each of 10,000 locations has had a turn, s', sweepSeconds);
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
          claimNumber: 1,
          defaultLimit: null,
          quotas: trackConcurrency(limits, systemClock.elapsed).quotas,
          cursor,
          maxRead: limits.total,
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
