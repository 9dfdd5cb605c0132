import type { SqlExecutor } from '../../database/client.ts';
import type { GroupRow } from '../group-state.ts';

/** Locks the rate limits of groups until the transaction ends, and returns them. Creates missing rows, so that there is a row to lock. */
export function lockRateLimits(tx: SqlExecutor, groupKeys: readonly string[], now: Date): Promise<Omit<GroupRow, 'dueAt'>[]> {
  // Sort by key: claims of the same groups then lock in the same order and cannot deadlock.
  const keys = groupKeys.toSorted();
  return tx.$queryRaw<Omit<GroupRow, 'dueAt'>[]>`
    INSERT INTO rate_limits (key, tat_at) SELECT key, ${now} FROM unnest(${keys}::text[]) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key
    RETURNING key AS "groupKey", tat_at AS "tatAt", paused_until AS "pausedUntil", pause_code AS "pauseCode",
      interval_ms AS "intervalMs", burst, concurrency`;
}
