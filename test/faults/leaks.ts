import { type DatabaseTarget, openDatabase } from '../../src/database/client.ts';

/** What is in the tables when everything is said and done. */
export interface Leaks {
  counts: {
    jobs: number;
    /** Messages that are on their way and say no reason. */
    pendingWithoutReason: number;
    pending: number;
    /** Outbound messages whose newest state HighLevel was never told. */
    unreported: number;
    /** Receipts that found no message. */
    lostReceipts: number;
  };
  /** What the jobs wait for that nobody else waits for, in sentences. */
  waitingJobs: string[];
}

const maxWaitingJobs = 200;

/** Looks into the database when no process uses it any more. */
export async function findLeaks(target: DatabaseTarget): Promise<Leaks> {
  const db = await openDatabase(target);
  try {
    const [counts] = await db.client.$queryRaw<Leaks['counts'][]>`
      SELECT (SELECT count(*)::int FROM jobs) AS jobs,
        count(*) FILTER (WHERE state = 'pending' AND reason_code IS NULL)::int AS "pendingWithoutReason",
        count(*) FILTER (WHERE state = 'pending')::int AS pending,
        count(*) FILTER (WHERE direction = 'outbound' AND state <> 'pending' AND state IS DISTINCT FROM reported_state)::int AS unreported,
        (SELECT count(*)::int FROM receipts WHERE message_id IS NULL) AS "lostReceipts"
      FROM messages`;
    const waitingJobs = await db.client.$queryRaw<{ description: string }[]>`
      SELECT concat_ws(' ', job.kind, 'of', COALESCE(text, job.message_id::text), 'due at', job.due_at AT TIME ZONE 'UTC',
        CASE WHEN job.is_first THEN 'first of its key' ELSE 'behind nobody' END,
        CASE WHEN job.worker_id IS NULL THEN 'free' ELSE 'in the hand of ' || job.worker_id END,
        'after', job.crashes, 'crashes,', state, reason_code, 'try', retry_count, 'in lane', job.lane,
        'open from', greatest(busy_until, blocked_until) AT TIME ZONE 'UTC', blocked_code, 'attempts:',
        (SELECT string_agg(concat_ws(' ', begun_at AT TIME ZONE 'UTC', outcome, code, ended_at - begun_at), ' | ' ORDER BY begun_at)
          FROM attempts WHERE message_id = job.message_id)) AS description
      FROM jobs AS job LEFT JOIN messages ON id = job.message_id LEFT JOIN paces ON paces.key = job.lane
      WHERE job.is_first
        OR NOT EXISTS (SELECT 1 FROM jobs first WHERE first.kind = job.kind AND first.key = job.key AND first.is_first)
      ORDER BY job.due_at LIMIT ${maxWaitingJobs}`;
    return { counts: counts as Leaks['counts'], waitingJobs: waitingJobs.map(({ description }) => description) };
  } finally {
    await db.close();
  }
}
