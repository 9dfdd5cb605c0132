import { listDisconnects } from '../../connections/find.ts';
import { minIdAt } from '../../core/ids.ts';
import type { Executor } from '../../database/client.ts';
import { type Finding, formatName } from '../alert.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** One that failed was perhaps only tried. */
const minFailures = 3;
/** What failed for other reasons stands in the same index: looked at no further than this. */
const maxFailures = 100;

interface ConnectionRef {
  locationId: string;
  providerKey: string;
}

/** Why a place that has no channel should have one. */
export interface MissingChannel extends ConnectionRef {
  /** Somebody disconnected it within the last day. */
  readonly isDisconnected: boolean;
  /** Messages of the last day that failed because there is none. */
  readonly failures: number;
}

/** Whether the lack of a channel is worth an alert. */
export function isMissing({ isDisconnected, failures }: MissingChannel): boolean {
  return isDisconnected || failures >= minFailures;
}

/** Places without a channel that had one a day ago, or whose messages fail for it. It ends when one is connected, or after a day. */
export async function findDisconnectedChannels(on: Executor, now: Date): Promise<Finding[]> {
  const since = new Date(now.getTime() - dayMs);
  const disconnected = await listDisconnects(on, since);
  const failing = await on.$queryRaw<(ConnectionRef & { failures: number })[]>`
    SELECT i.resource_id AS "locationId", recent.provider_key AS "providerKey", count(*)::int AS failures
    FROM installations i
    CROSS JOIN LATERAL (
      SELECT provider_key, reason_code, direction FROM messages m
      WHERE m.location_id = i.resource_id AND m.id >= ${minIdAt(since)}::uuid AND (m.state = 'failed' OR m.held_for_review_at IS NOT NULL)
      ORDER BY m.id DESC LIMIT ${maxFailures}) AS recent
    WHERE i.kind = 'location' AND i.status <> 'uninstalled' AND recent.reason_code = 'no_channel' AND recent.direction = 'outbound'
    GROUP BY 1, 2`;
  const missing = mergeMissingChannels(disconnected, failing).filter(isMissing);
  if (missing.length === 0) return [];

  const rows = await on.$queryRaw<(MissingChannel & { companyId: string | null; name: string | null })[]>`
    SELECT p.*, i.company_id AS "companyId", i.name
    FROM json_to_recordset(${JSON.stringify(missing)}::json)
      AS p ("locationId" text, "providerKey" text, "isDisconnected" boolean, failures int)
    JOIN installations i ON i.kind = 'location' AND i.resource_id = p."locationId" AND i.status <> 'uninstalled'
    WHERE NOT EXISTS (
      SELECT 1 FROM connections c
      WHERE c.location_id = p."locationId" AND c.provider_key = p."providerKey" AND c.disabled_at IS NULL)`;
  return rows.map(({ locationId, providerKey, isDisconnected, failures, companyId, name }) => {
    const causes = [
      isDisconnected ? 'it was disconnected' : 'none is connected',
      failures > 0
        ? `messages of the last day that failed for it: ${failures === maxFailures ? 'at least ' : ''}${failures}`
        : '',
    ];
    return {
      subject: `${locationId}/${providerKey}`,
      locationId,
      companyId,
      details: `Channel ${providerKey} of ${formatName({ name, id: locationId })}: ${causes.filter(Boolean).join('; ')}.`,
    };
  });
}

/** What both sources say of each place. */
export function mergeMissingChannels(
  disconnected: readonly ConnectionRef[],
  failing: readonly (ConnectionRef & { failures: number })[],
): MissingChannel[] {
  const keyOf = ({ locationId, providerKey }: ConnectionRef) => `${locationId}/${providerKey}`;
  const channels = new Map<string, MissingChannel>();
  for (const { locationId, providerKey } of disconnected) {
    const ref = { locationId, providerKey };
    channels.set(keyOf(ref), { ...ref, isDisconnected: true, failures: 0 });
  }
  for (const { locationId, providerKey, failures } of failing) {
    const place = { locationId, providerKey };
    channels.set(keyOf(place), { ...place, isDisconnected: channels.has(keyOf(place)), failures });
  }
  return [...channels.values()];
}
