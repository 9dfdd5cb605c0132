import { type Clock, nowOf } from '../core/clock.ts';
import type { Database, Executor } from '../database/client.ts';
import { highLevelLimit, type PaceLimit } from '../highlevel/rate-limit.ts';
import { allowance, busyAfter, type LaneState, opensAt } from './allowance.ts';
import { highestRank, type JobKind } from './jobs.ts';
import { isUntilTried, restsUntil } from './pace.ts';

/** How one look at the queue ended. */
export interface Claimed {
  readonly jobs: readonly { messageId: string; lane: string }[];
  /** Where the next look begins, so that no lane is served twice before every other was served once; empty when all were seen. */
  readonly cursor: string;
  /** When something that waits for its time, or for a limit, can be taken; null for nothing known. */
  readonly nextAt: number | null;
  /** Whether a group with due jobs was given none for lack of slots in this process. */
  readonly isCrowded: boolean;
}

export interface ClaimOptions {
  readonly kind: JobKind;
  readonly workerId: string;
  /** Returns how many jobs of each of these groups this process may start now. */
  readonly quotas: (groups: readonly string[]) => number[];
  readonly cursor: string;
}

export interface LaneRow {
  lane: string;
  dueAt: Date;
  busyUntil: Date | null;
  blockedUntil: Date | null;
  blockedCode: string | null;
  intervalMs: number | null;
  burst: number | null;
  concurrency: number | null;
}

/** Lanes that one look sees. A lane that nothing can be taken from costs a look a few hundredths of a millisecond. */
const lanesAtMost = 500;

/**
 * Takes due jobs, each lane in turn, each as much as its limits allow, and of each key only the first. Two processes never take the
 * same job, and a lane's limit holds for all of them.
 */
export async function claim(deps: { db: Database; clock: Clock }, options: ClaimOptions): Promise<Claimed> {
  const { db } = deps;
  const lanes = await lanesWithWork(db.client, options.kind, options.cursor);
  const now = nowOf(deps.clock);
  const due = lanes.filter((lane) => lane.dueAt <= now);
  const open = due.filter((lane) => opensAt(stateOf(options.kind, lane, 0, now), now.getTime()) <= now.getTime());
  const quotas = options.quotas(open.map(({ lane }) => lane));
  const shares = open.map((lane, index) => ({ ...lane, atMost: quotas[index] ?? 0 }));
  const wanted = shares.filter(({ atMost }) => atMost > 0);

  const isLimited = ({ intervalMs, concurrency }: LaneRow) =>
    options.kind === 'tell' || intervalMs !== null || concurrency !== null;
  const jobs = [
    ...(await take(
      db.client,
      options,
      wanted.filter((lane) => !isLimited(lane)),
      now,
    )),
    ...(await takeLimited(db, options, wanted.filter(isLimited), now)),
  ];

  // The slots went to the first of them, so the next look goes on behind those. A group that is slow may find none where others do.
  const firstWithout = shares.findIndex(({ atMost }) => atMost === 0);
  const isCutShort = wanted.length > 0 && wanted.length === firstWithout;
  const isWholeTour = lanes.length < lanesAtMost && !isCutShort;
  const last = isCutShort ? wanted.at(-1)?.lane : lanes.at(-1)?.lane;
  const waits = lanes.map((lane) =>
    lane.dueAt > now ? lane.dueAt.getTime() : opensAt(stateOf(options.kind, lane, 0, now), now.getTime()),
  );
  return {
    jobs,
    cursor: isWholeTour ? '' : (last ?? ''),
    nextAt: waits.filter((at) => at > now.getTime()).reduce<number | null>((a, b) => Math.min(a ?? b, b), null),
    isCrowded: firstWithout >= 0,
  };
}

function limitOf(kind: JobKind, { intervalMs, burst }: { intervalMs: number | null; burst: number | null }): PaceLimit | null {
  if (kind === 'tell') return highLevelLimit;
  return intervalMs === null ? null : { intervalMs, burst: burst ?? 1 };
}

/** What is known of a lane, as `allowance.ts` wants it. */
export function stateOf(kind: JobKind, lane: Omit<LaneRow, 'lane' | 'dueAt'>, inHand: number, now: Date): LaneState {
  const blockedUntil = restsUntil(lane, now);
  const concurrency = concurrencyOf(lane);
  return { busyUntil: lane.busyUntil ?? new Date(0), blockedUntil, limit: limitOf(kind, lane), concurrency, inHand };
}

/** What has failed is tried by one before the others follow. */
function concurrencyOf({ blockedCode, concurrency }: Pick<LaneRow, 'blockedCode' | 'concurrency'>): number | null {
  return isUntilTried(blockedCode) ? 1 : concurrency;
}

/** From one lane with work to the next by the index, not through all the jobs: a queue of a million costs as much as one of ten. */
function lanesWithWork(on: Executor, kind: JobKind, cursor: string): Promise<LaneRow[]> {
  return on.$queryRaw<LaneRow[]>`
    WITH RECURSIVE lanes AS (
      (SELECT lane, 1 AS place FROM jobs
        WHERE kind = ${kind}::job_kind AND worker_id IS NULL AND is_first AND lane > ${cursor} ORDER BY lane LIMIT 1)
      UNION ALL
      SELECT (SELECT lane FROM jobs
        WHERE kind = ${kind}::job_kind AND worker_id IS NULL AND is_first AND lane > lanes.lane ORDER BY lane LIMIT 1), place + 1
      FROM lanes WHERE lane IS NOT NULL AND place < ${lanesAtMost}::int
    )
    SELECT lane, first.due_at AS "dueAt", busy_until AS "busyUntil", blocked_until AS "blockedUntil",
      blocked_code AS "blockedCode", interval_ms AS "intervalMs", burst, concurrency
    FROM lanes
    CROSS JOIN LATERAL (SELECT min(due_at) AS due_at FROM generate_series(0, ${highestRank}::int) AS r CROSS JOIN LATERAL (
      SELECT due_at FROM jobs WHERE kind = ${kind}::job_kind AND worker_id IS NULL AND is_first AND jobs.lane = lanes.lane AND rank = r
      ORDER BY due_at LIMIT 1) AS of_rank) AS first
    LEFT JOIN paces ON key = lane
    WHERE lane IS NOT NULL AND first.due_at IS NOT NULL ORDER BY lane`;
}

interface Wanted {
  lane: string;
  atMost: number;
}

/**
 * Takes jobs and says whose they are. What another process is just taking is left to it. Who was taken for dead takes nothing under the
 * old name: nobody would look for it there.
 */
async function take(on: Executor, { kind, workerId }: ClaimOptions, wanted: readonly Wanted[], now: Date) {
  if (wanted.length === 0) return [];
  const lanes = wanted.map(({ lane, atMost }) => ({ lane, atMost }));
  const rows = await on.$queryRawUnsafe<{ messageId: string; lane: string; rank: number }[]>(
    takeSql,
    kind,
    JSON.stringify(lanes),
    now,
    workerId,
  );
  // A statement returns its rows in no order.
  return rows.sort((a, b) => a.rank - b.rank || (a.messageId < b.messageId ? -1 : 1));
}

/** Rows are found again by their place, where their locks keep them: by their ids, a planner with old figures may read the whole table. */
const takeSql = `
  WITH wanted AS (SELECT * FROM json_to_recordset($2::json) AS w (lane text, "atMost" int)),
  picked AS (
    SELECT place FROM wanted CROSS JOIN LATERAL (
      SELECT of_rank.place FROM generate_series(0, ${highestRank}) AS r CROSS JOIN LATERAL (
        SELECT j.ctid AS place FROM jobs j
        WHERE j.kind = $1::job_kind AND j.worker_id IS NULL AND j.is_first AND j.lane = wanted.lane AND j.rank = r AND j.due_at <= $3
          -- Two that were added at the same moment may both be first.
          AND NOT EXISTS (
            SELECT 1 FROM jobs b WHERE b.kind = j.kind AND b.key = j.key AND b.message_id <> j.message_id
              AND (b.message_id < j.message_id OR b.worker_id IS NOT NULL))
        ORDER BY j.due_at, j.message_id
        LIMIT wanted."atMost"
        FOR UPDATE SKIP LOCKED) AS of_rank
      ORDER BY r LIMIT wanted."atMost") AS of_lane),
  alive AS (SELECT id FROM workers WHERE id = $4::uuid FOR KEY SHARE)
  UPDATE jobs SET worker_id = alive.id FROM picked, alive
  WHERE jobs.ctid = picked.place AND worker_id IS NULL
  RETURNING jobs.message_id AS "messageId", lane, rank`;

/** As `take`, under the lanes' locks: what one process takes counts before another looks. */
function takeLimited(db: Database, options: ClaimOptions, wanted: readonly Wanted[], now: Date) {
  if (wanted.length === 0) return [];
  return db.transaction(async (tx) => {
    const keys = wanted.map(({ lane }) => lane).sort();
    const rows = await tx.$queryRaw<(Omit<LaneRow, 'dueAt'> & { lane: string })[]>`
      INSERT INTO paces (key, busy_until) SELECT key, ${now} FROM unnest(${keys}::text[]) AS key ORDER BY key
      ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key
      RETURNING key AS lane, busy_until AS "busyUntil", blocked_until AS "blockedUntil", blocked_code AS "blockedCode",
        interval_ms AS "intervalMs", burst, concurrency`;
    // A statement of its own, begun under the locks: it sees what the process before us has taken.
    const hands = await tx.$queryRaw<{ lane: string; count: number }[]>`
      SELECT lane, count(*)::int AS count FROM jobs
      WHERE worker_id IS NOT NULL AND lane = ANY (${rows.filter((row) => concurrencyOf(row) !== null).map((row) => row.lane)}::text[])
      GROUP BY lane`;
    const states = new Map(
      rows.map((row) => [row.lane, stateOf(options.kind, row, hands.find((one) => one.lane === row.lane)?.count ?? 0, now)]),
    );
    const allowed = wanted
      .map(({ lane, atMost }) => ({
        lane,
        atMost: Math.min(atMost, allowance(states.get(lane) as LaneState, now.getTime())),
      }))
      .filter(({ atMost }) => atMost > 0);
    const taken = await take(tx, options, allowed, now);

    const counts = Map.groupBy(taken, ({ lane }) => lane);
    const busy = [...counts]
      .map(([lane, jobs]) => ({
        lane,
        until: busyAfter(states.get(lane) as LaneState, jobs.length, now.getTime()),
        limit: states.get(lane)?.limit,
      }))
      .filter(({ limit }) => limit);
    if (busy.length > 0) {
      await tx.$executeRaw`
        UPDATE paces SET busy_until = b.until
        FROM json_to_recordset(${JSON.stringify(busy)}::json) AS b (lane text, until timestamptz) WHERE key = b.lane`;
    }
    return taken;
  });
}
