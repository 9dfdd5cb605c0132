import { type RecordsetRow, recordset } from '../../database/recordset.ts';
import type { Job } from '../job.ts';

/** Result of a running job: done, or to run again at a time. */
export interface JobResult {
  readonly job: Job;
  /** Null for done. */
  readonly runAgainAt: Date | null;
  /** Moves the job to an ordering key of its own: later jobs of its key need not wait until it runs again. */
  readonly releasesOrderingKey?: boolean;
  /** Group that it joins when it runs again. */
  readonly groupKey?: string | undefined;
}

const lockColumns = { queue: 'queue_name', id: 'uuid' } as const;
const finishColumns = {
  ...lockColumns,
  worker: 'uuid',
  claim: 'int',
  runAgainAt: 'timestamptz',
  releases: 'boolean',
  groupKey: 'text',
} as const;

/** Converts a running job to a row for {@link lockJobsCte}. */
export function toLockRow({ queue, messageId }: Job): RecordsetRow<typeof lockColumns> {
  return { queue, id: messageId };
}

/** Converts the results of jobs to rows for {@link finishJobsCte}. */
export function toFinishRows(results: readonly JobResult[]): RecordsetRow<typeof finishColumns>[] {
  return results.map(({ job, runAgainAt, releasesOrderingKey = false, groupKey }) => ({
    ...toLockRow(job),
    worker: job.workerId,
    claim: job.claimNumber,
    runAgainAt,
    releases: releasesOrderingKey,
    groupKey,
  }));
}

/**
 * Returns the SQL that locks jobs before they finish: the part `held` of a WITH, in an earlier statement than {@link finishJobsCte}.
 *
 * @param rows a parameter with rows of {@link toLockRow} as JSON
 * @param after the part of the WITH that locks their messages, which come first
 */
export function lockJobsCte(rows: string, after: string): string {
  return `held AS MATERIALIZED (
    SELECT FROM jobs CROSS JOIN (SELECT count(*) FROM ${after}) AS earlier
    WHERE (queue, message_id) IN (SELECT queue, id FROM ${recordset(rows, lockColumns, 'r')})
    ORDER BY queue, ordering_key, message_id FOR UPDATE OF jobs)`;
}

/**
 * Returns the SQL that finishes jobs, requeues those that run again, and promotes the next job of each ordering key: parts of a WITH.
 * `ended_jobs` counts the jobs that still belonged to the claim of their worker.
 *
 * @param rows a parameter with rows of {@link toFinishRows} as JSON
 */
export function finishJobsCte(rows: string): string {
  return `results AS MATERIALIZED (
    SELECT queue, id, worker, claim, "runAgainAt", releases AND "runAgainAt" IS NOT NULL AS releases, "groupKey"
    FROM ${recordset(rows, finishColumns, 'r')}),
  done_jobs AS (DELETE FROM jobs USING results r
    WHERE jobs.queue = r.queue AND message_id = r.id AND worker_id = r.worker AND claim_number = r.claim AND r."runAgainAt" IS NULL RETURNING jobs.queue, jobs.ordering_key),
  released AS MATERIALIZED (SELECT jobs.queue, jobs.ordering_key FROM jobs JOIN results r
    ON jobs.queue = r.queue AND message_id = r.id AND worker_id = r.worker AND claim_number = r.claim AND r.releases),
  requeued AS (UPDATE jobs SET worker_id = NULL, due_at = r."runAgainAt", error_count = 0, is_head = is_head OR r.releases,
      group_key = COALESCE(r."groupKey", group_key),
      ordering_key = CASE WHEN r.releases THEN message_id::text ELSE ordering_key END FROM results r
    WHERE jobs.queue = r.queue AND message_id = r.id AND worker_id = r.worker AND claim_number = r.claim AND r."runAgainAt" IS NOT NULL RETURNING 1),
  promoted AS (UPDATE jobs SET is_head = true FROM (
      SELECT done.queue, next.message_id FROM (SELECT * FROM done_jobs UNION SELECT * FROM released) AS done CROSS JOIN LATERAL (
        SELECT message_id FROM jobs WHERE jobs.queue = done.queue AND jobs.ordering_key = done.ordering_key
          AND NOT EXISTS (SELECT 1 FROM results r WHERE r.queue = jobs.queue AND r.id = jobs.message_id AND (r."runAgainAt" IS NULL OR r.releases))
        ORDER BY message_id LIMIT 1) AS next) AS successors
    WHERE jobs.queue = successors.queue AND jobs.message_id = successors.message_id AND NOT jobs.is_head),
  ended_jobs AS (SELECT ((SELECT count(*) FROM done_jobs) + (SELECT count(*) FROM requeued))::int AS count)`;
}
