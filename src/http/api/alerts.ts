import { listAlerts } from '../../alerts/store.ts';
import type { Database, Prisma } from '../../database/client.ts';
import { type Access, visibleLocations } from '../auth/access.ts';
import { defineRoute } from './route.ts';
import { alert, alertsQuery, createPageSchema } from './schemas.ts';

/** The address that says what is wrong, or was. */
export function createAlertRoutes(deps: { db: Database }) {
  return [
    defineRoute({
      method: 'get',
      path: '/alerts',
      summary: 'What somebody should know of or mend, newest first',
      permission: 'read',
      query: alertsQuery,
      response: createPageSchema(alert),
      async handle({ access, query }) {
        const { items, nextCursor } = await listAlerts(deps.db, await visibleAlerts(deps.db, access), query);
        return { items: items.map((row) => ({ ...row, alertId: row.id })), nextCursor };
      },
    }),
  ];
}

/** Which alerts the token reaches: those of its locations, and for an agency's user the agency's own. Nobody's are the operator's. */
export async function visibleAlerts(db: Database, access: Access): Promise<Prisma.AlertWhereInput> {
  if (access === 'operator') return {};
  const rows = await db.client.installation.findMany({ where: visibleLocations(access), select: { resourceId: true } });
  const ofLocations = { locationId: { in: rows.map(({ resourceId }) => resourceId) } };
  return access.locationId === null ? { OR: [ofLocations, { locationId: null, companyId: access.companyId }] } : ofLocations;
}
