import { listDisconnects } from '../connections/connect.ts';
import { minIdAt } from '../core/ids.ts';
import type { Executor } from '../database/client.ts';
import { type Finding, placeName } from './alert.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** One that failed was perhaps only tried. */
const failuresAtLeast = 3;
/** What failed for other reasons stands in the same index: looked at no further than this. */
const failuresAtMost = 100;

interface Place {
  locationId: string;
  providerKey: string;
}

/** Why a place that has no channel should have one. */
export interface MissedChannel extends Place {
  /** Somebody disconnected it within the last day. */
  readonly isDisconnected: boolean;
  /** Messages of the last day that failed because there is none. */
  readonly failures: number;
}

/** Whether the lack of a channel is worth an alert. */
export function isMissed({ isDisconnected, failures }: MissedChannel): boolean {
  return isDisconnected || failures >= failuresAtLeast;
}

/** Places without a channel that had one a day ago, or whose messages fail for it. It ends when one is connected, or after a day. */
export async function disconnectedChannels(on: Executor, now: Date): Promise<Finding[]> {
  const since = new Date(now.getTime() - dayMs);
  const left = await listDisconnects(on, since);
  const failing = await on.$queryRaw<(Place & { failures: number })[]>`
    SELECT i.resource_id AS "locationId", recent.provider_key AS "providerKey", count(*)::int AS failures
    FROM installations i
    CROSS JOIN LATERAL (
      SELECT provider_key, reason_code, direction FROM messages m
      WHERE m.location_id = i.resource_id AND m.id >= ${minIdAt(since)}::uuid AND (m.state = 'failed' OR m.unknown_since IS NOT NULL)
      ORDER BY m.id DESC LIMIT ${failuresAtMost}) AS recent
    WHERE i.kind = 'location' AND i.status <> 'uninstalled' AND recent.reason_code = 'no_channel' AND recent.direction = 'outbound'
    GROUP BY 1, 2`;
  const missed = missedOf(left, failing).filter(isMissed);
  if (missed.length === 0) return [];

  const rows = await on.$queryRaw<(MissedChannel & { companyId: string | null; name: string | null })[]>`
    SELECT p.*, i.company_id AS "companyId", i.name
    FROM json_to_recordset(${JSON.stringify(missed)}::json)
      AS p ("locationId" text, "providerKey" text, "isDisconnected" boolean, failures int)
    JOIN installations i ON i.kind = 'location' AND i.resource_id = p."locationId" AND i.status <> 'uninstalled'
    WHERE NOT EXISTS (
      SELECT 1 FROM connections c
      WHERE c.location_id = p."locationId" AND c.provider_key = p."providerKey" AND c.dormant_since IS NULL)`;
  return rows.map(({ locationId, providerKey, isDisconnected, failures, companyId, name }) => {
    const why = [
      isDisconnected ? 'it was disconnected' : 'none is connected',
      failures > 0
        ? `messages of the last day that failed for it: ${failures === failuresAtMost ? 'at least ' : ''}${failures}`
        : '',
    ];
    return {
      subject: `${locationId}/${providerKey}`,
      locationId,
      companyId,
      details: `Channel ${providerKey} of ${placeName({ name, id: locationId })}: ${why.filter(Boolean).join('; ')}.`,
    };
  });
}

/** What both sources say of each place. */
export function missedOf(left: readonly Place[], failing: readonly (Place & { failures: number })[]): MissedChannel[] {
  const keyOf = ({ locationId, providerKey }: Place) => `${locationId}/${providerKey}`;
  const places = new Map<string, MissedChannel>();
  for (const { locationId, providerKey } of left) {
    const place = { locationId, providerKey };
    places.set(keyOf(place), { ...place, isDisconnected: true, failures: 0 });
  }
  for (const { locationId, providerKey, failures } of failing) {
    const place = { locationId, providerKey };
    places.set(keyOf(place), { ...place, isDisconnected: places.has(keyOf(place)), failures });
  }
  return [...places.values()];
}
