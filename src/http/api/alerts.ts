import { listAlerts } from '../../alerts/store.ts';
import type { Database, Prisma } from '../../database/client.ts';
import { type Access, reachable } from '../access.ts';
import { route } from './route.ts';
import { alert, alertsQuery, pageOf } from './shapes.ts';

/** The address that says what is wrong, or was. */
export function alertRoutes(deps: { db: Database }) {
  return [
    route({
      method: 'get',
      path: '/alerts',
      summary: 'What somebody should know of or mend, newest first',
      needs: 'read',
      query: alertsQuery,
      answer: pageOf(alert),
      async handle({ access, query }) {
        const { items, nextCursor } = await listAlerts(deps.db, await alertsWithin(deps.db, access), query);
        return { items: items.map((row) => ({ ...row, alertId: row.id })), nextCursor };
      },
    }),
  ];
}

/** Which alerts the token reaches: those of its locations, and for an agency's user the agency's own. Nobody's are the operator's. */
export async function alertsWithin(db: Database, access: Access): Promise<Prisma.AlertWhereInput> {
  if (access === 'operator') return {};
  const rows = await db.client.installation.findMany({ where: reachable(access), select: { resourceId: true } });
  const ofLocations = { locationId: { in: rows.map(({ resourceId }) => resourceId) } };
  return access.locationId === null ? { OR: [ofLocations, { locationId: null, companyId: access.companyId }] } : ofLocations;
}
