import type { Executor } from '../../database/client.ts';
import type { Job } from '../job.ts';

/** Returns a job whose handler threw to the queue, due after the delay for its number of errors; the last delay repeats. */
export async function requeueJob(
  on: Executor,
  { queue, messageId, workerId, claimNumber }: Job,
  delaysMs: readonly number[],
  now: Date,
) {
  await on.$executeRaw`
    UPDATE jobs SET worker_id = NULL, error_count = LEAST(error_count + 1, ${delaysMs.length}::int),
      due_at = ${now}::timestamptz
        + (${[...delaysMs]}::int[])[LEAST(error_count + 1, ${delaysMs.length}::int)] * interval '1 ms'
    WHERE queue = ${queue}::queue_name AND message_id = ${messageId}::uuid AND worker_id = ${workerId}::uuid
      AND claim_number = ${claimNumber}`;
}
