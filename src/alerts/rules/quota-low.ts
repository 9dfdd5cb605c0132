import type { Executor } from '../../database/client.ts';
import { highLevelGroupPrefix } from '../../highlevel/group-keys.ts';
import { dailyLimitReached } from '../../installations/rate-limit-feedback.ts';
import { type AlertThresholds, type Finding, formatName, type OpenAlerts } from '../alert.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** What is known of a daily limit. */
export interface Quota {
  /** What HighLevel said was left; null when it said nothing within a day. */
  readonly remaining: number | null;
  /** It rests because the day's requests are used up. */
  readonly isExhausted: boolean;
}

/** Whether a day's requests are nearly used up. It ends with half as much again, which only a new day brings. */
export function isQuotaLow({ remaining, isExhausted }: Quota, isOpen: boolean, limit: number): boolean {
  if (isExhausted) return true;
  return remaining !== null && remaining < (isOpen ? limit * 1.5 : limit);
}

/**
 * Locations and companies that have nearly used up HighLevel's daily limit. When a day's count starts anew is not said (platform.md 5.9),
 * so what was heard counts for a day, or until something newer is.
 */
export async function findLowQuotas(
  on: Executor,
  open: OpenAlerts,
  thresholds: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const since = new Date(now.getTime() - dayMs);
  const rows = await on.$queryRaw<Row[]>`
    SELECT i.kind::text AS kind, i.resource_id AS "resourceId", i.company_id AS "companyId", i.name,
      CASE WHEN p.quota_checked_at > ${since} THEN p.quota_remaining END AS remaining,
      COALESCE(p.paused_until > ${now} AND p.pause_code = ${dailyLimitReached.code}, false) AS "isExhausted"
    FROM rate_limits p JOIN installations i ON p.key = ${highLevelGroupPrefix} || i.resource_id AND i.status <> 'uninstalled'
    WHERE p.quota_remaining < ${Math.ceil(thresholds.quotaRemaining * 1.5)} OR p.pause_code = ${dailyLimitReached.code}`;
  return rows
    .filter((row) => isQuotaLow(row, open.has(`${row.kind}/${row.resourceId}`), thresholds.quotaRemaining))
    .map(({ kind, resourceId, companyId, name, remaining, isExhausted }) => ({
      subject: `${kind}/${resourceId}`,
      locationId: kind === 'location' ? resourceId : null,
      companyId: kind === 'location' ? companyId : resourceId,
      details: isExhausted
        ? `${formatName({ name, id: resourceId })} has used up the CRM’s daily limit of requests; work goes on when it renews.`
        : `${formatName({ name, id: resourceId })} has ${remaining} requests left of the CRM’s daily limit.`,
    }));
}

interface Row extends Quota {
  kind: 'company' | 'location';
  resourceId: string;
  companyId: string | null;
  name: string | null;
}
