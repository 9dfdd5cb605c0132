import type { Executor } from '../database/client.ts';

/**
 * What is left to do. A job carries a message's id and nothing else: what is done must see the row as it is then, and no secret sits
 * in a queue.
 *
 * - `deliver`: an outbound message to its far side. Lane: what the location has connected; key: the contact.
 * - `tell`: HighLevel of an outbound message's state, or of an inbound message. Lane: the location's limit at HighLevel; key: the
 *   message, or the sender's address.
 * - `fetch`: the attachments of an inbound message, before it is posted. Lane: the location's files; key: the message. It has slots of its
 *   own, as a file may arrive drop by drop; the `tell` job waits meanwhile and keeps the sender's order.
 */
export type QueueName = 'deliver' | 'highlevel' | 'fetch';

export const queueNames: readonly QueueName[] = ['deliver', 'highlevel', 'fetch'];

export interface NewJob {
  readonly queue: QueueName;
  readonly messageId: string;
  readonly groupKey: string;
  readonly orderingKey: string;
  /** Within a lane the lower ones go first: 0 to 2. */
  readonly priority: number;
  readonly dueAt: Date;
}

/** A job in hand. */
export interface Job {
  readonly queue: QueueName;
  readonly messageId: string;
  readonly groupKey: string;
  /** Who has it; somebody else may have taken it over from a process that was thought dead. */
  readonly workerId: string;
  /** Ends when the program stops. */
  readonly signal: AbortSignal;
}

export const maxPriority = 2;

/** The channel on which the database tells workers that there is something to do. */
export const jobsChannel = 'patchbay_jobs';

const columns =
  '(queue queue_name, "messageId" uuid, "groupKey" text, "orderingKey" text, priority smallint, "dueAt" timestamptz)';

/**
 * SQL that adds jobs and wakes the workers: the tail of a statement, whose WITH may have stored rows before.
 *
 * A job is the first of its key unless one before it is. That one is locked until we commit, as whoever ends it makes the next one the
 * first: it must see ours. Both lock in one order (`lockJobsCte`).
 *
 * @param from what yields the jobs as JSON: a parameter, or a query
 */
export function insertJobsCte(from: string, where = ''): string {
  return `new_jobs AS MATERIALIZED (
    SELECT job.*, row_number() OVER (PARTITION BY queue, "orderingKey" ORDER BY "messageId") AS ordinal
    FROM json_to_recordset(${from}::json) AS job ${columns} ${where} ORDER BY queue, "orderingKey", ordinal),
  predecessors AS MATERIALIZED (
    SELECT new_jobs.queue, new_jobs."messageId" FROM new_jobs CROSS JOIN LATERAL (
      SELECT FROM jobs WHERE is_head AND jobs.queue = new_jobs.queue AND jobs.ordering_key = new_jobs."orderingKey" AND message_id < new_jobs."messageId"
      ORDER BY message_id FOR KEY SHARE) AS head
    WHERE ordinal = 1),
  added AS (
    INSERT INTO jobs (queue, message_id, group_key, ordering_key, priority, due_at, is_head)
    SELECT queue, "messageId", "groupKey", "orderingKey", priority, "dueAt",
      ordinal = 1 AND (queue, "messageId") NOT IN (SELECT queue, "messageId" FROM predecessors)
    FROM new_jobs
    ON CONFLICT (queue, message_id) DO UPDATE
      SET priority = LEAST(jobs.priority, EXCLUDED.priority), due_at = LEAST(jobs.due_at, EXCLUDED.due_at)
    RETURNING queue),
  notified AS (SELECT count(pg_notify('${jobsChannel}', queue::text)) FROM (SELECT DISTINCT queue FROM added) AS queues)`;
}

/** Adds jobs inside the transaction that makes them necessary. A message that has such a job already keeps it, due at the earlier time. */
export async function enqueue(tx: Executor, jobs: readonly NewJob[]): Promise<void> {
  if (jobs.length === 0) return;
  // In one order, so that two that add the same jobs wait for each other and not both for ever.
  const sorted = jobs.toSorted((a, b) => (`${a.queue}${a.messageId}` < `${b.queue}${b.messageId}` ? -1 : 1));
  await tx.$queryRawUnsafe(`WITH ${insertJobsCte('$1')} SELECT * FROM notified`, JSON.stringify(sorted));
}

/** How jobs ended that were in hand: done, or to run again at a time. */
export interface JobResult {
  readonly job: Job;
  readonly runAgainAt: Date | null;
  /** It leaves its key for one of its own: later jobs of its key need not wait until it runs again. */
  readonly releasesOrderingKey?: boolean;
}

/**
 * SQL that locks jobs which are about to end: a part of a WITH, of an earlier statement than the one that ends them.
 *
 * @param rows from `lockRow`, as JSON. @param after the part of the WITH that locks their messages, which goes first
 */
export function lockJobsCte(rows: string, after: string): string {
  return `held AS MATERIALIZED (
    SELECT FROM jobs CROSS JOIN (SELECT count(*) FROM ${after}) AS earlier
    WHERE (queue, message_id) IN (SELECT queue, id FROM json_to_recordset(${rows}::json) AS r (queue queue_name, id uuid))
    ORDER BY queue, ordering_key, message_id FOR UPDATE OF jobs)`;
}

/** SQL that ends jobs: parts of a WITH, of which `ended_jobs` counts how many were still in these hands. @param rows from `finishRows`, as JSON */
export function finishJobsCte(rows: string): string {
  return `results AS MATERIALIZED (
    SELECT queue, id, worker, "runAgainAt", releases AND "runAgainAt" IS NOT NULL AS releases
    FROM json_to_recordset(${rows}::json) AS r (queue queue_name, id uuid, worker uuid, "runAgainAt" timestamptz, releases boolean)),
  done_jobs AS (DELETE FROM jobs USING results r
    WHERE jobs.queue = r.queue AND message_id = r.id AND worker_id = r.worker AND r."runAgainAt" IS NULL RETURNING jobs.queue, jobs.ordering_key),
  released AS MATERIALIZED (SELECT jobs.queue, jobs.ordering_key FROM jobs JOIN results r
    ON jobs.queue = r.queue AND message_id = r.id AND worker_id = r.worker AND r.releases),
  requeued AS (UPDATE jobs SET worker_id = NULL, due_at = r."runAgainAt", error_count = 0, is_head = is_head OR r.releases,
      ordering_key = CASE WHEN r.releases THEN message_id::text ELSE ordering_key END FROM results r
    WHERE jobs.queue = r.queue AND message_id = r.id AND worker_id = r.worker AND r."runAgainAt" IS NOT NULL RETURNING 1),
  promoted AS (UPDATE jobs SET is_head = true FROM (
      SELECT done.queue, next.message_id FROM (SELECT * FROM done_jobs UNION SELECT * FROM released) AS done CROSS JOIN LATERAL (
        SELECT message_id FROM jobs WHERE jobs.queue = done.queue AND jobs.ordering_key = done.ordering_key
          AND NOT EXISTS (SELECT 1 FROM results r WHERE r.queue = jobs.queue AND r.id = jobs.message_id AND (r."runAgainAt" IS NULL OR r.releases))
        ORDER BY message_id LIMIT 1) AS next) AS successors
    WHERE jobs.queue = successors.queue AND jobs.message_id = successors.message_id AND NOT jobs.is_head),
  ended_jobs AS (SELECT ((SELECT count(*) FROM done_jobs) + (SELECT count(*) FROM requeued))::int AS count)`;
}

/**
 * Makes the first job of every key that has none the first: nobody would ever take such a key. It can only come about when a message
 * was deleted while its job ended.
 */
export async function repairQueueHeads(on: Executor): Promise<void> {
  await on.$executeRaw`
    UPDATE jobs SET is_head = true FROM (SELECT DISTINCT ON (queue, ordering_key) queue, message_id FROM jobs ORDER BY queue, ordering_key, message_id) AS first
    WHERE jobs.queue = first.queue AND jobs.message_id = first.message_id AND NOT is_head`;
}

export function finishRows(results: readonly JobResult[]) {
  return results.map(({ job, runAgainAt, releasesOrderingKey = false }) => ({
    ...lockRow(job),
    runAgainAt,
    releases: releasesOrderingKey,
  }));
}

export function lockRow({ queue, messageId, workerId }: Job) {
  return { queue, id: messageId, worker: workerId };
}

/** Jobs of these messages that wait for their time need not wait any more. */
export async function runNow(tx: Executor, queue: QueueName, messageIds: readonly string[], now: Date): Promise<void> {
  await tx.$queryRaw`
    WITH waiting AS (
      SELECT message_id FROM jobs
      WHERE queue = ${queue}::queue_name AND message_id = ANY (${[...messageIds]}::uuid[]) AND worker_id IS NULL AND due_at > ${now}
      ORDER BY ordering_key, message_id FOR NO KEY UPDATE),
    rescheduled AS (
      UPDATE jobs SET due_at = ${now} FROM waiting WHERE queue = ${queue}::queue_name AND jobs.message_id = waiting.message_id RETURNING 1)
    SELECT pg_notify(${jobsChannel}, ${queue})::text FROM rescheduled LIMIT 1`;
}

/** Lets later jobs go ahead of these, each of which gets a key of its own. Those in hand keep theirs. */
export async function releaseOrderingKeys(tx: Executor, queue: QueueName, messageIds: readonly string[]): Promise<void> {
  // A statement of its own: the next one sees what was added behind them before they were locked.
  const released = await tx.$queryRaw<{ messageId: string; key: string }[]>`
    SELECT message_id::text AS "messageId", ordering_key AS key FROM jobs
    WHERE queue = ${queue}::queue_name AND message_id = ANY (${[...messageIds]}::uuid[]) AND worker_id IS NULL
    ORDER BY ordering_key, message_id FOR UPDATE`;
  const [ids, keys] = [released.map(({ messageId }) => messageId), released.map(({ key }) => key)];
  await tx.$executeRaw`
    WITH released AS (
      UPDATE jobs SET ordering_key = message_id::text, is_head = true WHERE queue = ${queue}::queue_name AND message_id = ANY (${ids}::uuid[]))
    UPDATE jobs SET is_head = true FROM (
      SELECT DISTINCT ON (ordering_key) message_id FROM jobs
      WHERE queue = ${queue}::queue_name AND ordering_key = ANY (${keys}::text[]) AND message_id <> ALL (${ids}::uuid[])
      ORDER BY ordering_key, message_id) AS next
    WHERE queue = ${queue}::queue_name AND jobs.message_id = next.message_id AND NOT is_head`;
}

/** What waits for its time in a lane need not wait any more. */
export async function runGroupNow(tx: Executor, queue: QueueName, groupKey: string, now: Date): Promise<void> {
  await tx.$queryRaw`
    WITH waiting AS (
      SELECT message_id FROM jobs WHERE queue = ${queue}::queue_name AND group_key = ${groupKey} AND worker_id IS NULL AND due_at > ${now}
      ORDER BY ordering_key, message_id FOR NO KEY UPDATE),
    rescheduled AS (
      UPDATE jobs SET due_at = ${now} FROM waiting WHERE queue = ${queue}::queue_name AND jobs.message_id = waiting.message_id RETURNING 1)
    SELECT pg_notify(${jobsChannel}, ${queue})::text FROM rescheduled LIMIT 1`;
}

export interface QueueDepth {
  name: QueueName;
  ready: number;
  deferred: number;
  active: number;
  latencySeconds: number;
}

/** Length and age of each queue. */
export async function getQueueDepths(on: Executor, now: Date): Promise<QueueDepth[]> {
  const rows = await on.$queryRaw<QueueDepth[]>`
    SELECT queue::text AS name,
      count(*) FILTER (WHERE worker_id IS NULL AND due_at <= ${now})::int AS ready,
      count(*) FILTER (WHERE worker_id IS NULL AND due_at > ${now})::int AS deferred,
      count(worker_id)::int AS active,
      COALESCE(EXTRACT(EPOCH FROM ${now}::timestamptz - min(due_at) FILTER (WHERE worker_id IS NULL)), 0)::float8 AS "latencySeconds"
    FROM jobs GROUP BY queue`;
  return queueNames.map((name) => {
    const row = rows.find((one) => one.name === name);
    const nothing = { name, ready: 0, deferred: 0, active: 0, latencySeconds: 0 };
    return row ? { ...row, latencySeconds: Math.max(row.latencySeconds, 0) } : nothing;
  });
}

/** How many keys of a lane wait, no more than `atMost` counted: for one contact's many messages it is one. */
export function countReadyHeads(on: Executor, queue: QueueName, groupKey: string, max: number): Promise<number> {
  return on.job.count({ where: { queue, groupKey, workerId: null, isHead: true }, take: max });
}
