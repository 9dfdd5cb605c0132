import type { Executor } from '../../database/client.ts';
import { type AlertThresholds, type Finding, formatName, type OpenAlerts } from '../alert.ts';

const hourMs = 60 * 60 * 1000;
/** Fewer attempts prove nothing. */
const minAttempts = 10;
/** The newest of the hour: enough to judge by, and a busy connection costs no more than another. */
const maxAttempts = 50;
/** So many good ones in a row, and what was wrong is over. */
const recoveryStreak = 5;

/** How a connection's last attempts ended. */
export interface RecentAttempts {
  /** Newest first: whether it failed. */
  readonly failed: readonly boolean[];
  /** It was changed since the alert began: what was before proves nothing. */
  readonly isChanged: boolean;
}

/**
 * Whether a channel counts as failing. It begins above the rate and ends at half of it, or with a run of good ones; without any attempt
 * it stays as it was.
 */
export function isFailing({ failed, isChanged }: RecentAttempts, isOpen: boolean, failureRate: number): boolean {
  if (failed.length >= recoveryStreak && !failed.slice(0, recoveryStreak).includes(true)) return false;
  const isProven = failed.length >= minAttempts;
  const rate = failed.filter(Boolean).length / Math.max(failed.length, 1);
  if (isProven && rate > failureRate) return true;
  return isOpen && !isChanged && !(isProven && rate <= failureRate / 2);
}

/** Connections whose far side refuses, is busy or does not answer. One statement, one look into an index for each connection. */
export async function findFailingChannels(
  on: Executor,
  open: OpenAlerts,
  thresholds: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const since = new Date(now.getTime() - hourMs);
  const rows = await on.$queryRaw<Row[]>`
    SELECT c.id::text AS "connectionId", c.provider_key AS "providerKey", c.location_id AS "locationId", i.company_id AS "companyId",
      i.name, c.updated_at AS "updatedAt", recent.outcomes
    FROM connections c
    JOIN installations i ON i.kind = 'location' AND i.resource_id = c.location_id AND i.status <> 'uninstalled'
    CROSS JOIN LATERAL (
      SELECT COALESCE(string_agg(CASE WHEN outcome IN ('rejected', 'unavailable', 'unknown') THEN '-' ELSE '+' END, '' ORDER BY ended_at DESC), '')
        AS outcomes
      FROM (
        SELECT outcome, ended_at FROM attempts a WHERE a.connection_id = c.id AND a.ended_at >= GREATEST(${since}, c.updated_at)
        ORDER BY ended_at DESC LIMIT ${maxAttempts}) AS newest) AS recent
    WHERE c.disabled_at IS NULL AND (recent.outcomes LIKE '%-%' OR c.id::text = ANY (${[...open.keys()]}::text[]))`;
  return rows
    .filter((row) => isFailing(toRecentAttempts(row, open), open.has(row.connectionId), thresholds.failureRate))
    .map(({ connectionId, providerKey, locationId, companyId, name, outcomes }) => ({
      subject: connectionId,
      locationId,
      companyId,
      details: `Channel ${providerKey} of ${formatName({ name, id: locationId })}: ${outcomes.replaceAll('+', '').length} of the last ${outcomes.length} attempts failed.`,
    }));
}

interface Row {
  connectionId: string;
  providerKey: string;
  locationId: string;
  companyId: string | null;
  name: string | null;
  updatedAt: Date;
  outcomes: string;
}

function toRecentAttempts({ connectionId, updatedAt, outcomes }: Row, open: OpenAlerts): RecentAttempts {
  const startedAt = open.get(connectionId)?.startedAt;
  return {
    failed: [...outcomes].map((outcome) => outcome === '-'),
    isChanged: startedAt !== undefined && updatedAt > startedAt,
  };
}
