import { assessHealth, type Health } from '../../../alerts/health.ts';
import { listOpenAlerts } from '../../../alerts/store.ts';
import { listConnectedProviders } from '../../../connections/list-connected-providers.ts';
import type { Database, InstallationStatus } from '../../../database/client.ts';
import { loadDailyStats, toStatsScope } from '../../../messages/stats/rollup.ts';
import { countSent, summarizeStats } from '../../../messages/stats/summary.ts';
import { type Access, visibleLocations } from '../../auth/access.ts';

/** A location's row: its health and counts. */
export interface LocationRow {
  readonly locationId: string;
  readonly name: string;
  readonly status: InstallationStatus;
  readonly health: Health;
  /** Providers that have a channel. */
  readonly channels: readonly string[];
  /** Outbound messages of the last 24 hours, and of today and the six days before. */
  readonly sentLastDay: number;
  readonly sentWeek: number;
  /** The failed share of that week's messages with a known outcome; null without such messages. */
  readonly failureRate: number | null;
  /** Within the counted days. */
  readonly lastSentAt: Date | null;
  readonly lastReceivedAt: Date | null;
  /** Oldest first. */
  readonly days: readonly { readonly sent: number; readonly failed: number }[];
}

export const sortColumns = ['health', 'name', 'channels', 'day', 'week', 'failed', 'sent', 'received'] as const;
export type SortColumn = (typeof sortColumns)[number];
export type SortOrder = 'asc' | 'desc';

const weekDays = 7;

/** Loads the rows of all visible locations, in five statements regardless of their number. */
export async function loadLocationRows(db: Database, access: Access, now: Date): Promise<LocationRow[]> {
  const found = await db.client.installation.findMany({
    where: visibleLocations(access),
    select: { resourceId: true, name: true, status: true, timezone: true },
  });
  const ids = found.map(({ resourceId }) => resourceId);
  const providers = await listConnectedProviders(db.client, ids);
  const alerts = await listOpenAlerts(db.client, ids);
  const counts = Map.groupBy(
    await loadDailyStats(db.client, found.map(toStatsScope), now, { details: false }),
    ({ locationId }) => locationId,
  );
  return found.map(({ resourceId, name, status }) => {
    const days = counts.get(resourceId) ?? [];
    const week = summarizeStats(days.slice(-weekDays));
    const channels = providers.get(resourceId) ?? [];
    const kinds = (alerts.get(resourceId) ?? []).map(({ kind }) => kind);
    return {
      locationId: resourceId,
      name: name ?? resourceId,
      status,
      health: assessHealth({ status, channelCount: channels.length, alerts: kinds }),
      channels,
      sentLastDay: days.reduce((sum, { lastDay }) => sum + lastDay.sent, 0),
      sentWeek: week.sent,
      failureRate: week.deliveryRate === null ? null : 1 - week.deliveryRate,
      lastSentAt: findLatest(days.map(({ lastSentAt }) => lastSentAt)),
      lastReceivedAt: findLatest(days.map(({ lastReceivedAt }) => lastReceivedAt)),
      days: days.map((day) => ({ sent: countSent(day), failed: day.failed })),
    };
  });
}

/** Checks a row against the filter by health and the search by name or id. */
export function isMatchingRow(row: LocationRow, show: 'attention' | 'silent' | undefined, q: string | undefined): boolean {
  const part = q?.toLowerCase();
  const isNamed = !part || row.name.toLowerCase().includes(part) || row.locationId.toLowerCase() === part;
  return isNamed && (show === undefined || row.health.kind === show);
}

/** Returns the default order of a column: names ascending, counts and times descending. */
export function getDefaultOrder(sort: SortColumn): SortOrder {
  return sort === 'name' || sort === 'channels' ? 'asc' : 'desc';
}

/** Sorts rows by a column, then by name. */
export function sortRows(rows: readonly LocationRow[], sort: SortColumn, order: SortOrder, language: string): LocationRow[] {
  const { compare } = new Intl.Collator(language, { numeric: true, sensitivity: 'base' });
  const sign = order === 'asc' ? 1 : -1;
  const by: Record<SortColumn, (row: LocationRow) => number | string> = {
    name: ({ name }) => name,
    health: ({ health }) => ({ attention: 2, silent: 1, good: 0 })[health.kind],
    channels: ({ channels }) => channels.length,
    day: ({ sentLastDay }) => sentLastDay,
    week: ({ sentWeek }) => sentWeek,
    failed: ({ failureRate }) => failureRate ?? -1,
    sent: ({ lastSentAt }) => lastSentAt?.getTime() ?? 0,
    received: ({ lastReceivedAt }) => lastReceivedAt?.getTime() ?? 0,
  };
  const key = by[sort];
  return rows.toSorted((one, other) => {
    const [a, b] = [key(one), key(other)];
    const difference = typeof a === 'string' ? compare(a, String(b)) : a - Number(b);
    return sign * difference || compare(one.name, other.name) || (one.locationId < other.locationId ? -1 : 1);
  });
}

function findLatest(times: readonly (Date | null)[]): Date | null {
  return times.reduce((last, at) => (at && (!last || at > last) ? at : last), null);
}
