import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { location } from '../highlevel/client.ts';
import { rateLimitKey } from '../queue/rate-limits.ts';
import type { Reason } from './next-step.ts';
import type { Message } from './store.ts';

/** Why whole lanes wait, and until when; by lane. */
export type Waits = ReadonlyMap<string, Reason & { until: Date }>;

type Queued = Pick<Message, 'direction' | 'locationId' | 'providerKey' | 'state' | 'reasonCode' | 'reason' | 'unknownSince'>;

/** Why the lanes of these messages wait as a whole: outside of the hours, over the cap, HighLevel's limit. */
export async function waitsOf(deps: { db: Database; clock: Clock }, rows: readonly Queued[]): Promise<Waits> {
  const lanes = new Set(rows.filter(isQueued).map(laneOf));
  if (lanes.size === 0) return new Map();
  const found = await deps.db.client.pace.findMany({
    where: { key: { in: [...lanes] }, blockedUntil: { gt: dateNow(deps.clock) }, blockedReason: { not: null } },
  });
  return new Map(
    found.map(({ key, blockedCode, blockedReason, blockedUntil }) => [
      key,
      { code: blockedCode ?? 'waits', message: blockedReason ?? '', until: blockedUntil as Date },
    ]),
  );
}

/** Why a message failed, or what it waits for: its own reason, or its lane's. */
export function reasonOf(row: Queued, waits: Waits): (Reason & { until?: Date }) | null {
  const lane = isQueued(row) ? waits.get(laneOf(row)) : undefined;
  if (lane) return lane;
  return row.reasonCode && row.reason ? { code: row.reasonCode, message: row.reason } : null;
}

/** The word of the API and the pages for where a message stands. */
export function statusOf(row: Pick<Message, 'state' | 'unknownSince'>) {
  return row.unknownSince ? ('unknown' as const) : row.state;
}

function isQueued(row: Queued): boolean {
  return row.state === 'pending' && !row.reasonCode;
}

function laneOf(row: Queued): string {
  return row.direction === 'outbound' ? rateLimitKey.connection(row) : rateLimitKey.highLevel(location(row.locationId));
}
