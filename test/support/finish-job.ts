import type { Database } from '../../src/database/client.ts';
import type { Job } from '../../src/queue/job.ts';
import { finishJobsCte, type JobResult, lockJobsCte, toFinishRows, toLockRow } from '../../src/queue/sql/finish-jobs.ts';

/** Finishes a job as a settlement does: locks it first, and finishes it in a later statement of the same transaction. */
export function finishJob(db: Database, job: Job, result: Omit<JobResult, 'job'> = { runAgainAt: null }): Promise<void> {
  return db.transaction(async (tx) => {
    await tx.$queryRawUnsafe(
      `WITH ${lockJobsCte('$1', 'messages')} SELECT count(*) FROM held`,
      JSON.stringify([toLockRow(job)]),
    );
    await tx.$queryRawUnsafe(
      `WITH ${finishJobsCte('$1')} SELECT count FROM ended_jobs`,
      JSON.stringify(toFinishRows([{ job, ...result }])),
    );
  });
}
