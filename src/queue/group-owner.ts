import type { Executor } from '../database/client.ts';

/** Owner of a group whose jobs wait until a worker owns it: the id of no worker. */
export const noWorkerId = '00000000-0000-0000-0000-000000000000';

/**
 * Sets the only worker that may claim the jobs of these groups.
 *
 * @param owner null for every worker, {@link noWorkerId} for none
 */
export async function setGroupOwner(on: Executor, keys: readonly string[], owner: string | null, now: Date): Promise<void> {
  if (keys.length === 0) return;
  // Sort by key, as in `lockRateLimits`: the statements then lock in the same order and cannot deadlock.
  await on.$executeRaw`
    INSERT INTO rate_limits (key, tat_at, owner_worker_id)
    SELECT key, ${now}, ${owner}::uuid FROM unnest(${keys.toSorted()}::text[]) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET owner_worker_id = EXCLUDED.owner_worker_id`;
}

/** Lets every worker claim the jobs of these groups again. */
export async function freeGroups(on: Executor, keys: readonly string[]): Promise<void> {
  await on.rateLimitRow.updateMany({
    where: { key: { in: [...keys] }, ownerWorkerId: { not: null } },
    data: { ownerWorkerId: null },
  });
}

/** Leaves groups without an owner, as far as this worker owns them: their jobs wait for the next one. */
export async function leaveGroups(on: Executor, keys: readonly string[], workerId: string): Promise<void> {
  await on.rateLimitRow.updateMany({
    where: { key: { in: [...keys] }, ownerWorkerId: workerId },
    data: { ownerWorkerId: noWorkerId },
  });
}
