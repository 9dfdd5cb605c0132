import type { Executor } from '../database/client.ts';

/** Pause and daily count of a group or a sender, as stored. */
export interface GroupUsage {
  readonly key: string;
  readonly pausedUntil: Date | null;
  readonly pauseCode: string | null;
  readonly dailyCountDate: string | null;
  readonly dailyCount: number;
}

/** Loads pauses and daily counts by key. A key without limits is left out. */
export async function loadGroupUsage(on: Executor, keys: readonly string[]): Promise<Map<string, GroupUsage>> {
  const rows = await on.rateLimitRow.findMany({
    where: { key: { in: [...keys] } },
    select: { key: true, pausedUntil: true, pauseCode: true, dailyCountDate: true, dailyCount: true },
  });
  return new Map(rows.map((row) => [row.key, row]));
}
