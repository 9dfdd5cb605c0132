import * as z from 'zod';
import { listAlerts } from '../../alerts/store.ts';
import type { Alert, Database, Prisma } from '../../database/client.ts';
import { visibleAlerts } from '../api/alerts.ts';
import { tell } from './ailments.ts';
import { type NavCount, type PageInput, page } from './page.ts';

export interface AlertPageDeps {
  db: Database;
  appUrl: string;
}

const openAtMost = 100;
const pastAtOnce = 30;
const query = z.object({ before: z.uuid().optional() });

/** What is wrong in a location, and what was. */
export function locationAlertsPage(deps: AlertPageDeps) {
  const within = (location: { resourceId: string }) => ({ locationId: location.resourceId });
  return page({
    path: 'alerts',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'alerts',
    nav: {
      text: 'alerts.nav',
      order: 40,
      count: countOf(async ({ location }) => (location ? countOpen(deps.db, within(location)) : 0)),
    },
    query,
    show: (input) => shown(deps, input, within(input.location), input.query.before, false),
    version: ({ location }) => versionOf(deps.db, within(location)),
  });
}

/** What is wrong anywhere in reach: at an agency its own and its locations' alerts, at the operator all. */
export function reachAlertsPage(deps: AlertPageDeps) {
  return page({
    path: 'alerts',
    about: 'reach',
    viewers: ['agency', 'operator'],
    view: 'alerts',
    nav: {
      text: 'alerts.nav',
      order: 40,
      count: countOf(async ({ access }) => countOpen(deps.db, await visibleAlerts(deps.db, access))),
    },
    query,
    show: async (input) => shown(deps, input, await visibleAlerts(deps.db, input.access), input.query.before, true),
    version: async ({ access }) => versionOf(deps.db, await visibleAlerts(deps.db, access)),
  });
}

function countOf(of: NavCount['of']): NavCount {
  return { text: 'alerts.count', of };
}

function countOpen(db: Database, within: Prisma.AlertWhereInput): Promise<number> {
  return db.client.alert.count({ where: { AND: [within, { openKey: { not: null } }] } });
}

async function shown(
  deps: AlertPageDeps,
  { text, url }: PageInput,
  within: Prisma.AlertWhereInput,
  before: string | undefined,
  isMany: boolean,
) {
  const open = before ? { items: [] } : await listAlerts(deps.db, within, { open: true, limit: openAtMost });
  const past = await listAlerts(deps.db, within, { open: false, cursor: before, limit: pastAtOnce });
  const names = isMany ? await namesOf(deps.db, [...open.items, ...past.items]) : new Map<string, string>();
  const told = (alert: Alert) => ({
    ...tell({ text, url, appUrl: deps.appUrl, locationId: isMany ? alert.locationId : null }, alert.kind),
    id: alert.id,
    details: alert.details,
    begunAt: alert.begunAt,
    endedAt: alert.endedAt,
    place: isMany ? placeIn(names, url, alert) : null,
  });
  return {
    title: text('alerts.title'),
    isFirst: before === undefined,
    open: open.items.map(told),
    past: past.items.map(told),
    newest: before === undefined ? null : url('alerts'),
    older: past.nextCursor ? url('alerts', { before: past.nextCursor }) : null,
  };
}

/** Which location an alert is about, for a page about many. */
export function placeIn(names: ReadonlyMap<string, string>, url: PageInput['url'], { locationId }: Alert) {
  return locationId ? { name: names.get(locationId) ?? locationId, href: url(`/locations/${locationId}/overview`) } : null;
}

/** The names of the locations that alerts are about. */
export async function namesOf(db: Database, alerts: readonly Alert[]): Promise<Map<string, string>> {
  const ids = [...new Set(alerts.flatMap(({ locationId }) => locationId ?? []))];
  const rows = await db.client.installation.findMany({
    where: { kind: 'location', resourceId: { in: ids } },
    select: { resourceId: true, name: true },
  });
  return new Map(rows.map(({ resourceId, name }) => [resourceId, name ?? resourceId]));
}

async function versionOf(db: Database, within: Prisma.AlertWhereInput): Promise<string> {
  const open = await db.client.alert.findMany({
    where: { AND: [within, { openKey: { not: null } }] },
    select: { id: true },
    orderBy: { id: 'desc' },
    take: openAtMost,
  });
  const { _count, _max } = await db.client.alert.aggregate({ where: within, _count: true, _max: { endedAt: true } });
  return JSON.stringify([open.map(({ id }) => id), _count, _max.endedAt]);
}
