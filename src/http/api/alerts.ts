import { listAlerts } from '../../alerts/store.ts';
import type { Database, Prisma } from '../../database/client.ts';
import { type ApiAccess, visibleLocations } from '../auth/access.ts';
import { defineRoute } from './route.ts';
import { alert, alertsQuery, createPageSchema } from './schemas.ts';

/** Defines the endpoint that lists open and resolved alerts. */
export function createAlertRoutes(deps: { db: Database }) {
  return [
    defineRoute({
      method: 'get',
      path: '/alerts',
      summary: 'List the alerts, newest first',
      permission: 'read',
      scope: 'locations:read',
      query: alertsQuery,
      response: createPageSchema(alert),
      async handle({ access, query }) {
        const { items, nextCursor } = await listAlerts(deps.db, await visibleAlerts(deps.db, access), query);
        return { items: items.map((row) => ({ ...row, alertId: row.id })), nextCursor };
      },
    }),
  ];
}

/** Builds the filter for the alerts that a caller may see: of its locations, and of the agency for its users. The operator sees all. */
export async function visibleAlerts(db: Database, access: ApiAccess): Promise<Prisma.AlertWhereInput> {
  if (access === 'operator') return {};
  const rows = await db.client.installation.findMany({ where: visibleLocations(access), select: { resourceId: true } });
  const ofLocations = { locationId: { in: rows.map(({ resourceId }) => resourceId) } };
  return access.locationId === null ? { OR: [ofLocations, { locationId: null, companyId: access.companyId }] } : ofLocations;
}
