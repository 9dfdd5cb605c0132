import * as z from 'zod';
import { assessHealth } from '../../../alerts/health.ts';
import { listOpenAlerts } from '../../../alerts/store.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import { listLastDays } from '../../../core/local-days.ts';
import type { Alert, Database } from '../../../database/client.ts';
import type { Reader } from '../../../database/replica.ts';
import type { Installation } from '../../../installations/store.ts';
import { type DailyStats, statsWindowDays } from '../../../messages/stats/daily-counts.ts';
import { loadDailyStats, toStatsScope } from '../../../messages/stats/rollup.ts';
import { summarizeByDay, summarizeStats } from '../../../messages/stats/summary.ts';
import { createAdaptiveCache } from '../../../runtime/adaptive-cache.ts';
import { visibleAlerts } from '../../api/alerts.ts';
import { type Access, visibleLocations } from '../../auth/access.ts';
import { describeIssue, type IssueContext } from '../alerts/health-issues.ts';
import { loadLocationNames, toLocationLink } from '../alerts/list.ts';
import { definePage, type PageInput } from '../framework/page.ts';
import { toWaitText } from '../framework/texts.ts';
import { createOverviewCharts } from './charts.ts';

export interface OverviewDeps {
  db: Database;
  reader: Reader;
  clock: Clock;
  appUrl: string;
}

const maxAlerts = 5;
const maxReasons = 6;

/** Creates a location's overview: its issues, today's numbers, and the last two weeks. */
export function createLocationOverviewPage(deps: OverviewDeps) {
  const loadDays = createDaysLoader(deps);
  const loadLocationDays = (location: Installation) => loadDays(location.resourceId, async () => [location]);

  return definePage({
    path: 'overview',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'overview',
    nav: { text: 'overview.nav', order: 5 },
    query: z.object({}),

    async show({ location, text, url }) {
      const { locationId, zone } = toStatsScope(location);
      const days = await loadLocationDays(location);
      const alerts = (await listOpenAlerts(deps.db.client, [locationId])).get(locationId) ?? [];
      const channelCount = await countChannels(deps.db, locationId);
      const health = assessHealth({ status: location.status, channelCount, alerts: alerts.map(({ kind }) => kind) });
      const context = { text, url, appUrl: deps.appUrl };
      const isListed = alerts.some(({ kind }) => kind === health.issue);
      return {
        title: text('overview.title'),
        lead: text(`overview.lead.${health.kind}`),
        health: health.kind,
        issues: [
          ...(health.issue && !isListed ? [describeIssue(context, health.issue)] : []),
          ...toIssues(context, alerts, null),
        ],
        moreAlerts: 0,
        zoneNote: text('overview.zone', { zone }),
        isConnected: channelCount > 0,
        isMany: false,
        ageMs: deps.reader.ageMs(),
        ...toNumbers({ text, url }, days, dateNow(deps.clock)),
      };
    },

    async version({ location }) {
      const { locationId } = toStatsScope(location);
      const [row] = await deps.db.client.installation.findMany({
        where: { kind: 'location', resourceId: locationId },
        select: { status: true },
      });
      const alerts = (await listOpenAlerts(deps.db.client, [locationId])).get(locationId) ?? [];
      const days = await loadLocationDays(location);
      return toVersion(days, [row?.status, await countChannels(deps.db, locationId), alerts.map(({ id }) => id)]);
    },
  });
}

/** Creates the overview of all visible locations together. */
export function createAccountOverviewPage(deps: OverviewDeps) {
  const loadDays = createDaysLoader(deps);
  const loadAccountDays = (access: Access) =>
    loadDays(access === 'operator' ? access : `${access.companyId}/${access.locationId}`, () =>
      deps.db.client.installation.findMany({
        where: { AND: [visibleLocations(access), { status: { not: 'uninstalled' } }] },
        select: { resourceId: true, timezone: true },
      }),
    );
  const openAlerts = async (access: Access) =>
    deps.db.client.alert.findMany({
      where: { AND: [await visibleAlerts(deps.db, access), { dedupKey: { not: null } }] },
      orderBy: { id: 'asc' },
    });

  return definePage({
    path: 'overview',
    scope: 'account',
    viewers: ['agency', 'operator'],
    view: 'overview',
    nav: { text: 'overview.nav', order: 5 },
    query: z.object({}),

    async show({ access, text, url }) {
      const days = await loadAccountDays(access);
      const alerts = await openAlerts(access);
      const context = { text, url, appUrl: deps.appUrl };
      const listed = alerts.slice(0, maxAlerts);
      const names = await loadLocationNames(deps.db, listed);
      return {
        title: text('overview.title'),
        lead: text('overview.leadMany', { count: new Set(days.map(({ locationId }) => locationId)).size }),
        health: null,
        issues: toIssues(context, listed, names),
        moreAlerts: Math.max(alerts.length - maxAlerts, 0),
        zoneNote: text('overview.zones'),
        isConnected: true,
        isMany: true,
        ageMs: deps.reader.ageMs(),
        ...toNumbers({ text, url }, days, dateNow(deps.clock)),
      };
    },

    version: async ({ access }) =>
      toVersion(
        await loadAccountDays(access),
        (await openAlerts(access)).map(({ id }) => id),
      ),
  });
}

/** Creates a loader of the locations' last days; viewers of the same locations share its cache. */
function createDaysLoader(deps: OverviewDeps) {
  const cache = createAdaptiveCache<DailyStats[]>(deps.clock);
  return (key: string, find: () => Promise<Pick<Installation, 'resourceId' | 'timezone'>[]>) =>
    cache(key, async () =>
      loadDailyStats(deps.reader.client, (await find()).map(toStatsScope), dateNow(deps.clock), { details: true }),
    );
}

function countChannels(db: Database, locationId: string): Promise<number> {
  return db.client.connection.count({ where: { locationId, disabledAt: null } });
}

/** Describes alerts. @param names of locations, on a page about many */
function toIssues(context: IssueContext, alerts: readonly Alert[], names: ReadonlyMap<string, string> | null) {
  return alerts.map((alert) => ({
    ...describeIssue({ ...context, locationId: names && alert.locationId }, alert.kind),
    location: names && toLocationLink(names, context.url, alert),
    details: alert.details,
    startedAt: alert.startedAt,
  }));
}

/** Builds the numbers for the view: tiles, charts and reasons. */
function toNumbers({ text, url }: Pick<PageInput, 'text' | 'url'>, days: readonly DailyStats[], now: Date) {
  const isToday = createTodayFilter(days, now);
  const today = summarizeStats(days.filter(isToday));
  const all = summarizeStats(days);
  const day = days.find(isToday)?.day;
  const waiting = all.reasons.filter(({ status }) => status === 'pending');
  const failures = all.reasons.filter(({ status }) => status === 'failed');
  return {
    today,
    all,
    isEmpty: all.sent + all.received === 0,
    waitReasons: waiting.slice(0, maxReasons).map(({ status, code, message, count }) => ({
      label: toWaitText(text, { status, code, message }),
      count,
      href: url('messages', { direction: 'outbound', status, reason: code }),
    })),
    links: {
      sent: url('messages', { direction: 'outbound', day }),
      delivered: url('messages', { direction: 'outbound', status: 'delivered', day }),
      failed: url('messages', { direction: 'outbound', status: 'failed', day }),
      received: url('messages', { direction: 'inbound', day }),
      waiting: url('messages', { direction: 'outbound', status: 'pending' }),
      unknown: url('messages', { direction: 'outbound', status: 'unknown' }),
    },
    failures: failures.slice(0, maxReasons).map((reason) => ({
      label: toWaitText(text, reason),
      count: reason.count,
      percent: Math.round((reason.count / (failures[0]?.count ?? 1)) * 100),
      href: url('messages', { direction: 'outbound', status: 'failed', reason: reason.code }),
    })),
    failureCount: all.failed,
    charts: createOverviewCharts(text, url, summarizeByDay(days, statsWindowDays)),
  };
}

/** Creates a filter for rows of today, each in its own time zone. */
function createTodayFilter(days: readonly DailyStats[], now: Date): (row: DailyStats) => boolean {
  const zones = new Set(days.map(({ zone }) => zone));
  const today = new Map([...zones].map((zone) => [zone, listLastDays(now, zone, 1)[0]?.day]));
  return ({ zone, day }) => today.get(zone) === day;
}

function toVersion(days: readonly DailyStats[], more: unknown): string {
  const { reasons, ...all } = summarizeStats(days);
  return JSON.stringify([days[0]?.day, all, reasons.map(({ code, count }) => [code, count]), more]);
}
