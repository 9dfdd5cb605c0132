import type { Executor } from '../../database/client.ts';
import { highLevelGroupPrefix } from '../../highlevel/group-keys.ts';
import { dailyLimitReached } from '../../installations/rate-limit-feedback.ts';
import { type AlertThresholds, type Finding, formatName, type OpenAlerts } from '../alert.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** State of a daily quota. */
export interface Quota {
  /** Remaining requests by HighLevel's last response; null without one within a day. */
  readonly remaining: number | null;
  /** Calls are paused because the quota is used up. */
  readonly isExhausted: boolean;
}

/** Returns whether a daily quota is almost used. An alert resolves at 1.5 times the threshold, which only a new day brings. */
export function isQuotaLow({ remaining, isExhausted }: Quota, isOpen: boolean, limit: number): boolean {
  if (isExhausted) return true;
  return remaining !== null && remaining < (isOpen ? limit * 1.5 : limit);
}

/**
 * Finds locations and companies that have almost used HighLevel's daily quota. HighLevel does not document when it renews (platform.md
 * 5.9), so a recorded value counts for a day, or until a newer one.
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
        ? `${formatName({ name, id: resourceId })} has used up the CRM’s daily quota of requests. Sending resumes when it renews.`
        : `${formatName({ name, id: resourceId })} has ${remaining} requests left of the CRM’s daily quota.`,
    }));
}

interface Row extends Quota {
  kind: 'company' | 'location';
  resourceId: string;
  companyId: string | null;
  name: string | null;
}
