import { type DatabaseTarget, openDatabase } from '../../src/database/client.ts';

/** Rows that are left when a run has settled. */
export interface Leaks {
  counts: {
    jobs: number;
    /** Pending messages without a reason. */
    pendingWithoutReason: number;
    pending: number;
    /** Outbound messages whose newest state was never reported to HighLevel. */
    unreported: number;
    /** Receipts without a message. */
    lostReceipts: number;
  };
  /** The vendor's ids in receipts without a message. */
  lostExternalIds: (string | null)[];
  /** Descriptions of the jobs at the head of their order, or without a head. */
  waitingJobs: string[];
}

const maxWaitingJobs = 200;

/** Counts leftover rows, after the last process has stopped. */
export async function findLeaks(target: DatabaseTarget): Promise<Leaks> {
  const db = await openDatabase(target);
  try {
    const [counts] = await db.client.$queryRaw<Leaks['counts'][]>`
      SELECT (SELECT count(*)::int FROM jobs) AS jobs,
        count(*) FILTER (WHERE state = 'pending' AND reason_code IS NULL)::int AS "pendingWithoutReason",
        count(*) FILTER (WHERE state = 'pending' AND held_for_review_at IS NULL)::int AS pending,
        count(*) FILTER (WHERE direction = 'outbound' AND state <> 'pending' AND state IS DISTINCT FROM reported_state)::int AS unreported,
        (SELECT count(*)::int FROM receipts WHERE message_id IS NULL) AS "lostReceipts"
      FROM messages`;
    const waitingJobs = await db.client.$queryRaw<{ description: string }[]>`
      SELECT concat_ws(' ', job.queue, 'of', COALESCE(text, job.message_id::text), 'due at', job.due_at AT TIME ZONE 'UTC',
        CASE WHEN job.is_head THEN 'head of its ordering key' ELSE 'without a head' END,
        CASE WHEN job.worker_id IS NULL THEN 'free' ELSE 'claimed by ' || job.worker_id END,
        'after', job.error_count, 'errors,', state, reason_code, 'try', retry_count, 'in group', job.group_key,
        'open from', greatest(tat_at, paused_until) AT TIME ZONE 'UTC', pause_code, 'attempts:',
        (SELECT string_agg(concat_ws(' ', started_at AT TIME ZONE 'UTC', outcome, code, ended_at - started_at), ' | ' ORDER BY started_at)
          FROM attempts WHERE message_id = job.message_id)) AS description
      FROM jobs AS job LEFT JOIN messages ON id = job.message_id LEFT JOIN rate_limits ON rate_limits.key = job.group_key
      WHERE job.is_head
        OR NOT EXISTS (SELECT 1 FROM jobs first WHERE first.queue = job.queue AND first.ordering_key = job.ordering_key AND first.is_head)
      ORDER BY job.due_at LIMIT ${maxWaitingJobs}`;
    const lost = await db.client.receipt.findMany({ where: { messageId: null }, select: { externalId: true } });
    return {
      counts: counts as Leaks['counts'],
      lostExternalIds: lost.map(({ externalId }) => externalId),
      waitingJobs: waitingJobs.map(({ description }) => description),
    };
  } finally {
    await db.close();
  }
}
