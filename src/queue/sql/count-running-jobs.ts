import type { SqlExecutor } from '../../database/client.ts';

/** Counts the running jobs of each group, in all processes. A group without any has no row. */
export async function countRunningJobs(
  on: SqlExecutor,
  groupKeys: readonly string[],
): Promise<{ groupKey: string; count: number }[]> {
  // A claim holds the locks of its groups meanwhile, and few groups limit their running jobs.
  if (groupKeys.length === 0) return [];
  return on.$queryRaw<{ groupKey: string; count: number }[]>`
    SELECT group_key AS "groupKey", count(*)::int AS count FROM jobs
    WHERE worker_id IS NOT NULL AND group_key = ANY (${[...groupKeys]}::text[])
    GROUP BY group_key`;
}
