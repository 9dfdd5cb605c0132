import { formatCount } from '../../core/format-count.ts';
import type { Executor } from '../../database/client.ts';
import { type AlertThresholds, type Finding, formatName, type OpenAlerts } from '../alert.ts';

const hourMs = 60 * 60 * 1000;
/** Fewer attempts prove too little. */
const minAttempts = 10;
/** The newest of the hour are enough to judge by, and bound the cost of a busy connection. */
const maxAttempts = 50;
/** Successive good attempts that resolve an alert. */
const recoveryStreak = 5;

/** Results of a connection's recent attempts. */
export interface RecentAttempts {
  /** Newest first: true for a failed attempt. */
  readonly failed: readonly boolean[];
  /** The connection was changed after the alert started: earlier attempts do not count. */
  readonly isChanged: boolean;
}

/**
 * Returns whether a channel counts as failing. An alert triggers above the rate and resolves at half of it, or with a run of good
 * attempts; without any attempt it stays open.
 */
export function isFailing({ failed, isChanged }: RecentAttempts, isOpen: boolean, failureRate: number): boolean {
  if (failed.length >= recoveryStreak && !failed.slice(0, recoveryStreak).includes(true)) return false;
  const isProven = failed.length >= minAttempts;
  const rate = failed.filter(Boolean).length / Math.max(failed.length, 1);
  if (isProven && rate > failureRate) return true;
  return isOpen && !isChanged && !(isProven && rate <= failureRate / 2);
}

/**
 * Finds connections whose vendor rejects messages, is unavailable or does not respond. One statement with one index scan for each
 * connection.
 */
export async function findFailingChannels(
  on: Executor,
  open: OpenAlerts,
  thresholds: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const since = new Date(now.getTime() - hourMs);
  const rows = await on.$queryRaw<Row[]>`
    SELECT c.id::text AS "connectionId", c.provider_key AS "providerKey", c.location_id AS "locationId", i.company_id AS "companyId",
      i.name, c.updated_at AS "updatedAt", recent.failed, recent."failedCount"
    FROM connections c
    JOIN installations i ON i.kind = 'location' AND i.resource_id = c.location_id AND i.status <> 'uninstalled'
    CROSS JOIN LATERAL (
      SELECT COALESCE(array_agg(is_failed ORDER BY ended_at DESC), '{}') AS failed,
        (count(*) FILTER (WHERE is_failed))::int AS "failedCount"
      FROM (
        SELECT a.outcome IN ('rejected', 'unavailable', 'unknown') AS is_failed, a.ended_at FROM attempts a
        WHERE a.connection_id = c.id AND a.ended_at >= GREATEST(${since}, c.updated_at)
        ORDER BY a.ended_at DESC LIMIT ${maxAttempts}) AS newest) AS recent
    WHERE c.disabled_at IS NULL AND (recent."failedCount" > 0 OR c.id::text = ANY (${[...open.keys()]}::text[]))`;
  return rows
    .filter((row) => isFailing(toRecentAttempts(row, open), open.has(row.connectionId), thresholds.failureRate))
    .map(({ connectionId, providerKey, locationId, companyId, name, failed, failedCount }) => ({
      subject: connectionId,
      locationId,
      companyId,
      details: `Channel ${providerKey} of ${formatName({ name, id: locationId })}: ${failedCount} of the last ${formatCount(failed.length, 'attempt')} failed.`,
    }));
}

interface Row {
  connectionId: string;
  providerKey: string;
  locationId: string;
  companyId: string | null;
  name: string | null;
  updatedAt: Date;
  /** Newest first. */
  failed: boolean[];
  failedCount: number;
}

function toRecentAttempts({ connectionId, updatedAt, failed }: Row, open: OpenAlerts): RecentAttempts {
  const startedAt = open.get(connectionId)?.startedAt;
  return { failed, isChanged: startedAt !== undefined && updatedAt > startedAt };
}
