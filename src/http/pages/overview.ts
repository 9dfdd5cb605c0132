import * as z from 'zod';
import { assessHealth } from '../../alerts/health.ts';
import { listOpenAlerts } from '../../alerts/store.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { listLastDays } from '../../core/local-days.ts';
import type { Alert, Database } from '../../database/client.ts';
import type { Installation } from '../../installations/store.ts';
import { type DailyStats, statsWindowDays } from '../../messages/stats/daily-counts.ts';
import { loadDailyStats, toStatsScope } from '../../messages/stats/rollup.ts';
import { summarizeByDay, summarizeStats } from '../../messages/stats/summary.ts';
import { createAdaptiveCache } from '../../runtime/adaptive-cache.ts';
import { visibleAlerts } from '../api/alerts.ts';
import { type Access, visibleLocations } from '../auth/access.ts';
import { type TellDeps, tell } from './ailments.ts';
import { namesOf, placeIn } from './alerts.ts';
import { overviewCharts } from './overview-charts.ts';
import { type PageInput, page } from './page.ts';
import { reasonWords } from './texts.ts';

export interface OverviewDeps {
  db: Database;
  clock: Clock;
  appUrl: string;
}

const alertsAtMost = 5;
const reasonsAtMost = 6;

/** How a location's messages are doing: what is wrong, today's numbers, and the last two weeks. */
export function locationOverviewPage(deps: OverviewDeps) {
  const look = looker(deps);
  const lookAt = (location: Installation) => look(location.resourceId, async () => [location]);

  return page({
    path: 'overview',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'overview',
    nav: { text: 'overview.nav', order: 5 },
    query: z.object({}),

    async show({ location, text, url }) {
      const { locationId, zone } = toStatsScope(location);
      const days = await lookAt(location);
      const alerts = (await listOpenAlerts(deps.db.client, [locationId])).get(locationId) ?? [];
      const channelCount = await channelsOf(deps.db, locationId);
      const health = assessHealth({ status: location.status, channelCount, alerts: alerts.map(({ kind }) => kind) });
      const telling = { text, url, appUrl: deps.appUrl };
      const isTold = alerts.some(({ kind }) => kind === health.issue);
      return {
        title: text('overview.title'),
        lead: text(`overview.lead.${health.kind}`),
        health: health.kind,
        told: [...(health.issue && !isTold ? [tell(telling, health.issue)] : []), ...toldOf(telling, alerts, null)],
        moreAlerts: 0,
        zoneNote: text('overview.zone', { zone }),
        isConnected: channelCount > 0,
        isMany: false,
        ...numbersOf({ text, url }, days, dateNow(deps.clock)),
      };
    },

    async version({ location }) {
      const { locationId } = toStatsScope(location);
      const [row] = await deps.db.client.installation.findMany({
        where: { kind: 'location', resourceId: locationId },
        select: { status: true },
      });
      const alerts = (await listOpenAlerts(deps.db.client, [locationId])).get(locationId) ?? [];
      const days = await lookAt(location);
      return versionOf(days, [row?.status, await channelsOf(deps.db, locationId), alerts.map(({ id }) => id)]);
    },
  });
}

/** The same of all locations that somebody reaches, together. */
export function reachOverviewPage(deps: OverviewDeps) {
  const look = looker(deps);
  const lookAt = (access: Access) =>
    look(access === 'operator' ? access : `${access.companyId}/${access.locationId}`, () =>
      deps.db.client.installation.findMany({
        where: { AND: [visibleLocations(access), { status: { not: 'uninstalled' } }] },
        select: { resourceId: true, timezone: true },
      }),
    );
  const openAlerts = async (access: Access) =>
    deps.db.client.alert.findMany({
      where: { AND: [await visibleAlerts(deps.db, access), { openKey: { not: null } }] },
      orderBy: { id: 'asc' },
    });

  return page({
    path: 'overview',
    about: 'reach',
    viewers: ['agency', 'operator'],
    view: 'overview',
    nav: { text: 'overview.nav', order: 5 },
    query: z.object({}),

    async show({ access, text, url }) {
      const days = await lookAt(access);
      const alerts = await openAlerts(access);
      const telling = { text, url, appUrl: deps.appUrl };
      const told = alerts.slice(0, alertsAtMost);
      const names = await namesOf(deps.db, told);
      return {
        title: text('overview.title'),
        lead: text('overview.leadMany', { count: new Set(days.map(({ locationId }) => locationId)).size }),
        health: null,
        told: toldOf(telling, told, names),
        moreAlerts: Math.max(alerts.length - alertsAtMost, 0),
        zoneNote: text('overview.zones'),
        isConnected: true,
        isMany: true,
        ...numbersOf({ text, url }, days, dateNow(deps.clock)),
      };
    },

    version: async ({ access }) =>
      versionOf(
        await lookAt(access),
        (await openAlerts(access)).map(({ id }) => id),
      ),
  });
}

/** The last days of locations; who looks at the same shares the look. */
function looker(deps: OverviewDeps) {
  const share = createAdaptiveCache<DailyStats[]>(deps.clock);
  return (key: string, find: () => Promise<Pick<Installation, 'resourceId' | 'timezone'>[]>) =>
    share(key, async () =>
      loadDailyStats(deps.db.client, (await find()).map(toStatsScope), dateNow(deps.clock), { details: true }),
    );
}

function channelsOf(db: Database, locationId: string): Promise<number> {
  return db.client.connection.count({ where: { locationId, dormantSince: null } });
}

/** @param names of locations, on a page about many */
function toldOf(telling: TellDeps, alerts: readonly Alert[], names: ReadonlyMap<string, string> | null) {
  return alerts.map((alert) => ({
    ...tell({ ...telling, locationId: names && alert.locationId }, alert.kind),
    place: names && placeIn(names, telling.url, alert),
    details: alert.details,
    begunAt: alert.begunAt,
  }));
}

/** Everything that is counted, as the view shows it: tiles, charts, reasons. */
function numbersOf({ text, url }: Pick<PageInput, 'text' | 'url'>, days: readonly DailyStats[], now: Date) {
  const isToday = todayOf(days, now);
  const today = summarizeStats(days.filter(isToday));
  const all = summarizeStats(days);
  const day = days.find(isToday)?.day;
  const waiting = all.reasons.filter(({ status }) => status === 'pending');
  const failures = all.reasons.filter(({ status }) => status === 'failed');
  return {
    today,
    all,
    isEmpty: all.sent + all.received === 0,
    waitingWhy: waiting.slice(0, reasonsAtMost).map(({ status, code, message, count }) => ({
      words: reasonWords(text, { status, code, message }),
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
    failures: failures.slice(0, reasonsAtMost).map((reason) => ({
      words: reasonWords(text, reason),
      count: reason.count,
      percent: Math.round((reason.count / (failures[0]?.count ?? 1)) * 100),
      href: url('messages', { direction: 'outbound', status: 'failed', reason: reason.code }),
    })),
    failureCount: all.failed,
    charts: overviewCharts(text, url, summarizeByDay(days, statsWindowDays)),
  };
}

/** Whether a row is of the day that is today in its own zone. */
function todayOf(days: readonly DailyStats[], now: Date): (row: DailyStats) => boolean {
  const zones = new Set(days.map(({ zone }) => zone));
  const today = new Map([...zones].map((zone) => [zone, listLastDays(now, zone, 1)[0]?.day]));
  return ({ zone, day }) => today.get(zone) === day;
}

function versionOf(days: readonly DailyStats[], more: unknown): string {
  const { reasons, ...all } = summarizeStats(days);
  return JSON.stringify([days[0]?.day, all, reasons.map(({ code, count }) => [code, count]), more]);
}
