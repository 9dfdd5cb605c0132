import type { Executor } from '../database/client.ts';

/** Treats what workflows wait for in a restored database as under way: HighLevel is asked for their messages, and no trigger starts a workflow twice. */
export async function doubtWaitingWork(tx: Executor, now: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE workflow_sends SET state = 'posting', post_started_at = created_at, look_up_count = 0, due_at = ${now}::timestamptz
    WHERE state = 'reserved'`;
  await tx.$executeRaw`UPDATE trigger_events SET started_at = created_at WHERE ended_at IS NULL AND started_at IS NULL`;
}
