import * as z from 'zod';
import { listAlerts } from '../../../alerts/store.ts';
import type { Alert, Database, Prisma } from '../../../database/client.ts';
import { visibleAlerts } from '../../api/alerts.ts';
import { definePage, type NavCount, type PageInput } from '../framework/page.ts';
import { describeIssue } from './health-issues.ts';

export interface AlertPageDeps {
  db: Database;
  appUrl: string;
}

const maxOpenAlerts = 100;
const pastPageSize = 30;
const query = z.object({ before: z.uuid().optional() });

/** Creates the page of a location's open and resolved alerts. */
export function createLocationAlertsPage(deps: AlertPageDeps) {
  const within = (location: { resourceId: string }) => ({ locationId: location.resourceId });
  return definePage({
    path: 'alerts',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'alerts',
    nav: {
      text: 'alerts.nav',
      order: 40,
      count: createNavCount(async ({ location }) => (location ? countOpenAlerts(deps.db, within(location)) : 0)),
    },
    query,
    show: (input) => listRows(deps, input, within(input.location), input.query.before, false),
    version: ({ location }) => getVersion(deps.db, within(location)),
  });
}

/** Creates the page of all visible alerts: an agency's own and its locations', or all for the operator. */
export function createAccountAlertsPage(deps: AlertPageDeps) {
  return definePage({
    path: 'alerts',
    scope: 'account',
    viewers: ['agency', 'operator'],
    view: 'alerts',
    nav: {
      text: 'alerts.nav',
      order: 40,
      count: createNavCount(async ({ access }) => countOpenAlerts(deps.db, await visibleAlerts(deps.db, access))),
    },
    query,
    show: async (input) => listRows(deps, input, await visibleAlerts(deps.db, input.access), input.query.before, true),
    version: async ({ access }) => getVersion(deps.db, await visibleAlerts(deps.db, access)),
  });
}

function createNavCount(count: NavCount['count']): NavCount {
  return { text: 'alerts.count', count };
}

function countOpenAlerts(db: Database, within: Prisma.AlertWhereInput): Promise<number> {
  return db.client.alert.count({ where: { AND: [within, { dedupKey: { not: null } }] } });
}

async function listRows(
  deps: AlertPageDeps,
  { text, url }: PageInput,
  within: Prisma.AlertWhereInput,
  before: string | undefined,
  isAccount: boolean,
) {
  const open = before ? { items: [] } : await listAlerts(deps.db, within, { open: true, limit: maxOpenAlerts });
  const past = await listAlerts(deps.db, within, { open: false, cursor: before, limit: pastPageSize });
  const names = isAccount ? await loadLocationNames(deps.db, [...open.items, ...past.items]) : new Map<string, string>();
  const toRow = (alert: Alert) => ({
    ...describeIssue({ text, url, appUrl: deps.appUrl, locationId: isAccount ? alert.locationId : null }, alert.kind),
    id: alert.id,
    details: alert.details,
    startedAt: alert.startedAt,
    endedAt: alert.endedAt,
    location: isAccount ? toLocationLink(names, url, alert) : null,
  });
  return {
    title: text('alerts.title'),
    isFirst: before === undefined,
    open: open.items.map(toRow),
    past: past.items.map(toRow),
    newest: before === undefined ? null : url('alerts'),
    older: past.nextCursor ? url('alerts', { before: past.nextCursor }) : null,
  };
}

/** Returns the name and link of an alert's location, for a page about many. */
export function toLocationLink(names: ReadonlyMap<string, string>, url: PageInput['url'], { locationId }: Alert) {
  return locationId ? { name: names.get(locationId) ?? locationId, href: url(`/locations/${locationId}/overview`) } : null;
}

/** Loads the names of the locations of alerts. */
export async function loadLocationNames(db: Database, alerts: readonly Alert[]): Promise<Map<string, string>> {
  const ids = [...new Set(alerts.flatMap(({ locationId }) => locationId ?? []))];
  const rows = await db.client.installation.findMany({
    where: { kind: 'location', resourceId: { in: ids } },
    select: { resourceId: true, name: true },
  });
  return new Map(rows.map(({ resourceId, name }) => [resourceId, name ?? resourceId]));
}

async function getVersion(db: Database, within: Prisma.AlertWhereInput): Promise<string> {
  const open = await db.client.alert.findMany({
    where: { AND: [within, { dedupKey: { not: null } }] },
    select: { id: true },
    orderBy: { id: 'desc' },
    take: maxOpenAlerts,
  });
  const { _count, _max } = await db.client.alert.aggregate({ where: within, _count: true, _max: { endedAt: true } });
  return JSON.stringify([open.map(({ id }) => id), _count, _max.endedAt]);
}
