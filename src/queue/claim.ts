import { type Clock, dateNow } from '../core/clock.ts';
import { type GroupState, nextPermitAt, permitsAt, type RateLimit, tatAfter } from '../core/gcra.ts';
import type { Database, Executor } from '../database/client.ts';
import { highLevelRateLimit } from '../highlevel/rate-limit.ts';
import { maxPriority, type QueueName } from './job.ts';
import { getPausedUntil, isHalfOpen } from './rate-limits.ts';

/** How one look at the queue ended. */
export interface ClaimResult {
  readonly jobs: readonly { messageId: string; groupKey: string }[];
  /** Where the next look begins, so that no lane is served twice before every other was served once; empty when all were seen. */
  readonly cursor: string;
  /** When something that waits for its time, or for a limit, can be taken; null for nothing known. */
  readonly nextAt: number | null;
  /** Whether a group with due jobs was given none for lack of slots in this process. */
  readonly isSaturated: boolean;
}

export interface ClaimOptions {
  readonly queue: QueueName;
  readonly workerId: string;
  /** Returns how many jobs of each of these groups this process may start now. */
  readonly quotas: (groups: readonly string[]) => number[];
  readonly cursor: string;
}

export interface GroupRow {
  groupKey: string;
  dueAt: Date;
  tatAt: Date | null;
  pausedUntil: Date | null;
  pauseCode: string | null;
  intervalMs: number | null;
  burst: number | null;
  concurrency: number | null;
}

/** Lanes that one look sees. A lane that nothing can be taken from costs a look a few hundredths of a millisecond. */
const maxGroups = 500;

/**
 * Takes due jobs, each lane in turn, each as much as its limits allow, and of each key only the first. Two processes never take the
 * same job, and a lane's limit holds for all of them.
 */
export async function claim(deps: { db: Database; clock: Clock }, options: ClaimOptions): Promise<ClaimResult> {
  const { db } = deps;
  const groups = await findReadyGroups(db.client, options.queue, options.cursor);
  const now = dateNow(deps.clock);
  const due = groups.filter((group) => group.dueAt <= now);
  const open = due.filter((group) => nextPermitAt(toGroupState(options.queue, group, 0, now), now.getTime()) <= now.getTime());
  const quotas = options.quotas(open.map(({ groupKey }) => groupKey));
  const shares = open.map((group, index) => ({ ...group, quota: quotas[index] ?? 0 }));
  const selected = shares.filter(({ quota }) => quota > 0);

  const isLimited = ({ intervalMs, concurrency }: GroupRow) =>
    options.queue === 'highlevel' || intervalMs !== null || concurrency !== null;
  const jobs = [
    ...(await claimJobs(
      db.client,
      options,
      selected.filter((group) => !isLimited(group)),
      now,
    )),
    ...(await claimWithinLimits(db, options, selected.filter(isLimited), now)),
  ];

  // The slots went to the first of them, so the next look goes on behind those. A group that is slow may find none where others do.
  const firstUnserved = shares.findIndex(({ quota }) => quota === 0);
  const isCutShort = selected.length > 0 && selected.length === firstUnserved;
  const isFullSweep = groups.length < maxGroups && !isCutShort;
  const last = isCutShort ? selected.at(-1)?.groupKey : groups.at(-1)?.groupKey;
  const waits = groups.map((group) =>
    group.dueAt > now ? group.dueAt.getTime() : nextPermitAt(toGroupState(options.queue, group, 0, now), now.getTime()),
  );
  return {
    jobs,
    cursor: isFullSweep ? '' : (last ?? ''),
    nextAt: waits.filter((at) => at > now.getTime()).reduce<number | null>((a, b) => Math.min(a ?? b, b), null),
    isSaturated: firstUnserved >= 0,
  };
}

function toRateLimit(
  queue: QueueName,
  { intervalMs, burst }: { intervalMs: number | null; burst: number | null },
): RateLimit | null {
  if (queue === 'highlevel') return highLevelRateLimit;
  return intervalMs === null ? null : { intervalMs, burst: burst ?? 1 };
}

/** What is known of a lane, as `allowance.ts` wants it. */
export function toGroupState(
  queue: QueueName,
  row: Omit<GroupRow, 'groupKey' | 'dueAt'>,
  running: number,
  now: Date,
): GroupState {
  const pausedUntil = getPausedUntil(row, now);
  const concurrency = toConcurrency(row);
  return { tat: row.tatAt ?? new Date(0), pausedUntil, limit: toRateLimit(queue, row), concurrency, running };
}

/** What has failed is tried by one before the others follow. */
function toConcurrency({ pauseCode, concurrency }: Pick<GroupRow, 'pauseCode' | 'concurrency'>): number | null {
  return isHalfOpen(pauseCode) ? 1 : concurrency;
}

/** From one lane with work to the next by the index, not through all the jobs: a queue of a million costs as much as one of ten. */
function findReadyGroups(on: Executor, queue: QueueName, cursor: string): Promise<GroupRow[]> {
  return on.$queryRaw<GroupRow[]>`
    WITH RECURSIVE groups AS (
      (SELECT group_key, 1 AS ordinal FROM jobs
        WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND group_key > ${cursor} ORDER BY group_key LIMIT 1)
      UNION ALL
      SELECT (SELECT group_key FROM jobs
        WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND group_key > groups.group_key ORDER BY group_key LIMIT 1), ordinal + 1
      FROM groups WHERE group_key IS NOT NULL AND ordinal < ${maxGroups}::int
    )
    SELECT group_key AS "groupKey", head.due_at AS "dueAt", tat_at AS "tatAt", paused_until AS "pausedUntil",
      pause_code AS "pauseCode", interval_ms AS "intervalMs", burst, concurrency
    FROM groups
    CROSS JOIN LATERAL (SELECT min(due_at) AS due_at FROM generate_series(0, ${maxPriority}::int) AS r CROSS JOIN LATERAL (
      SELECT due_at FROM jobs WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND jobs.group_key = groups.group_key AND priority = r
      ORDER BY due_at LIMIT 1) AS by_priority) AS head
    LEFT JOIN rate_limits ON key = group_key
    WHERE group_key IS NOT NULL AND head.due_at IS NOT NULL ORDER BY group_key`;
}

interface ClaimQuota {
  groupKey: string;
  quota: number;
}

/**
 * Takes jobs and says whose they are. What another process is just taking is left to it. Who was taken for dead takes nothing under the
 * old name: nobody would look for it there.
 */
async function claimJobs(on: Executor, { queue, workerId }: ClaimOptions, quotas: readonly ClaimQuota[], now: Date) {
  if (quotas.length === 0) return [];
  const groups = quotas.map(({ groupKey, quota }) => ({ groupKey, quota }));
  const rows = await on.$queryRawUnsafe<{ messageId: string; groupKey: string; priority: number }[]>(
    claimJobsSql,
    queue,
    JSON.stringify(groups),
    now,
    workerId,
  );
  // A statement returns its rows in no order.
  return rows.sort((a, b) => a.priority - b.priority || (a.messageId < b.messageId ? -1 : 1));
}

/** Rows are found again by their place, where their locks keep them: by their ids, a planner with old figures may read the whole table. */
const claimJobsSql = `
  WITH selected AS (SELECT * FROM json_to_recordset($2::json) AS q ("groupKey" text, quota int)),
  picked AS (
    SELECT row_location FROM selected CROSS JOIN LATERAL (
      SELECT by_priority.row_location FROM generate_series(0, ${maxPriority}) AS r CROSS JOIN LATERAL (
        SELECT j.ctid AS row_location FROM jobs j
        WHERE j.queue = $1::queue_name AND j.worker_id IS NULL AND j.is_head AND j.group_key = selected."groupKey" AND j.priority = r AND j.due_at <= $3
          -- Two that were added at the same moment may both be first.
          AND NOT EXISTS (
            SELECT 1 FROM jobs b WHERE b.queue = j.queue AND b.ordering_key = j.ordering_key AND b.message_id <> j.message_id
              AND (b.message_id < j.message_id OR b.worker_id IS NOT NULL))
        ORDER BY j.due_at, j.message_id
        LIMIT selected.quota
        FOR UPDATE SKIP LOCKED) AS by_priority
      ORDER BY r LIMIT selected.quota) AS by_group),
  alive AS (SELECT id FROM workers WHERE id = $4::uuid FOR KEY SHARE)
  UPDATE jobs SET worker_id = alive.id FROM picked, alive
  WHERE jobs.ctid = picked.row_location AND worker_id IS NULL
  RETURNING jobs.message_id AS "messageId", group_key AS "groupKey", priority AS priority`;

/** As {@link claimJobs}, under the lanes' locks: what one process takes counts before another looks. */
function claimWithinLimits(db: Database, options: ClaimOptions, quotas: readonly ClaimQuota[], now: Date) {
  if (quotas.length === 0) return [];
  return db.transaction(async (tx) => {
    const keys = quotas.map(({ groupKey }) => groupKey).sort();
    const rows = await tx.$queryRaw<Omit<GroupRow, 'dueAt'>[]>`
      INSERT INTO rate_limits (key, tat_at) SELECT key, ${now} FROM unnest(${keys}::text[]) AS key ORDER BY key
      ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key
      RETURNING key AS "groupKey", tat_at AS "tatAt", paused_until AS "pausedUntil", pause_code AS "pauseCode",
        interval_ms AS "intervalMs", burst, concurrency`;
    // A statement of its own, begun under the locks: it sees what the process before us has taken.
    const runningByGroup = await tx.$queryRaw<{ groupKey: string; count: number }[]>`
      SELECT group_key AS "groupKey", count(*)::int AS count FROM jobs
      WHERE worker_id IS NOT NULL AND group_key = ANY (${rows.filter((row) => toConcurrency(row) !== null).map((row) => row.groupKey)}::text[])
      GROUP BY group_key`;
    const states = new Map(
      rows.map((row) => [
        row.groupKey,
        toGroupState(options.queue, row, runningByGroup.find((one) => one.groupKey === row.groupKey)?.count ?? 0, now),
      ]),
    );
    const allowed = quotas
      .map(({ groupKey, quota }) => ({
        groupKey,
        quota: Math.min(quota, permitsAt(states.get(groupKey) as GroupState, now.getTime())),
      }))
      .filter(({ quota }) => quota > 0);
    const claimed = await claimJobs(tx, options, allowed, now);

    const counts = Map.groupBy(claimed, ({ groupKey }) => groupKey);
    const tats = [...counts]
      .map(([groupKey, jobs]) => ({
        groupKey,
        tat: tatAfter(states.get(groupKey) as GroupState, jobs.length, now.getTime()),
        limit: states.get(groupKey)?.limit,
      }))
      .filter(({ limit }) => limit);
    if (tats.length > 0) {
      await tx.$executeRaw`
        UPDATE rate_limits SET tat_at = t.tat
        FROM json_to_recordset(${JSON.stringify(tats)}::json) AS t ("groupKey" text, tat timestamptz) WHERE key = t."groupKey"`;
    }
    return claimed;
  });
}
