import { toOwnGroupKey, toProviderGroupKey } from '../../connections/queue-group.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import type { Message } from '../model/message.ts';
import type { Reason } from '../model/reasons.ts';

/** Reasons and ends of paused groups, by group key. */
export type GroupPauses = ReadonlyMap<string, Reason & { until: Date }>;

type QueuedMessage = Pick<
  Message,
  'direction' | 'locationId' | 'providerKey' | 'connectionId' | 'state' | 'reasonCode' | 'reason' | 'heldForReviewAt'
>;

/** Loads the pauses of the groups of these messages: sending hours, daily cap, HighLevel's rate limit. */
export async function loadGroupPauses(
  deps: { db: Database; clock: Clock },
  rows: readonly QueuedMessage[],
): Promise<GroupPauses> {
  const groupKeys = new Set(rows.filter(isQueued).flatMap(listGroupKeys));
  if (groupKeys.size === 0) return new Map();
  const found = await deps.db.client.rateLimitRow.findMany({
    where: { key: { in: [...groupKeys] }, pausedUntil: { gt: dateNow(deps.clock) }, pauseReason: { not: null } },
  });
  return new Map(
    found.map(({ key, pauseCode, pauseReason, pausedUntil }) => [
      key,
      { code: pauseCode ?? 'waits', message: pauseReason ?? '', until: pausedUntil as Date },
    ]),
  );
}

/** Returns the reason for a message's failure or wait: its group's if that is paused, else its own. */
export function toReason(row: QueuedMessage, pauses: GroupPauses): (Reason & { until?: Date }) | null {
  const groupPauses = isQueued(row) ? listGroupKeys(row).flatMap((key) => pauses.get(key) ?? []) : [];
  if (groupPauses[0]) return groupPauses[0];
  return row.reasonCode && row.reason ? { code: row.reasonCode, message: row.reason } : null;
}

/** Returns the status of a message as the API and the pages name it. */
export function toStatus(row: Pick<Message, 'state' | 'heldForReviewAt'>) {
  return row.heldForReviewAt ? ('unknown' as const) : row.state;
}

function isQueued(row: QueuedMessage): boolean {
  return row.state === 'pending' && !row.reasonCode;
}

/** Lists the groups in which a message may wait. A connection without a group of its own has no limits under the key of one. */
function listGroupKeys({ direction, locationId, providerKey, connectionId }: QueuedMessage): string[] {
  if (direction !== 'outbound') return [toHighLevelGroupKey(toLocationOwner(locationId))];
  const own = connectionId ? [toOwnGroupKey({ id: connectionId, locationId, providerKey })] : [];
  return [...own, toProviderGroupKey({ locationId, providerKey })];
}
