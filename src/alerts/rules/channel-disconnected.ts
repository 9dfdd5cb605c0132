import type { ConnectionRef } from '../../connections/connection.ts';
import { listDisconnects } from '../../connections/find.ts';
import { minIdAt } from '../../core/ids.ts';
import type { Executor } from '../../database/client.ts';
import { type Finding, formatName } from '../alert.ts';

const dayMs = 24 * 60 * 60 * 1000;
/** Fewer failed messages may be a trial. */
const minFailures = 3;
/** Bounds the index scan, which also meets messages that failed for other reasons. */
const maxFailures = 100;

/** Evidence that a location without a channel for a provider needs one. */
export interface MissingChannel extends ConnectionRef {
  /** A user or an operator disconnected it within the last day. */
  readonly isDisconnected: boolean;
  /** Messages of the last day that failed without a channel. */
  readonly failures: number;
}

/** Returns whether a missing channel triggers an alert. */
export function isMissing({ isDisconnected, failures }: MissingChannel): boolean {
  return isDisconnected || failures >= minFailures;
}

/** Finds missing channels: disconnected within a day, or needed by failed messages. An alert resolves on connecting, or after a day. */
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
      isDisconnected ? 'it was disconnected' : 'not connected',
      failures > 0 ? `failed messages of the last day: ${failures === maxFailures ? 'at least ' : ''}${failures}` : '',
    ];
    return {
      subject: `${locationId}/${providerKey}`,
      locationId,
      companyId,
      details: `Channel ${providerKey} of ${formatName({ name, id: locationId })}: ${causes.filter(Boolean).join('; ')}.`,
    };
  });
}

/** Merges the evidence of both sources by location and provider. */
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
    const ref = { locationId, providerKey };
    channels.set(keyOf(ref), { ...ref, isDisconnected: channels.has(keyOf(ref)), failures });
  }
  return [...channels.values()];
}
