import { paginate } from '../../core/pagination.ts';
import type { AuditEntry, Database, Prisma } from '../../database/client.ts';
import { route } from './route.ts';
import { auditEntry, auditQuery, companyParams, locationParams, pageOf } from './shapes.ts';

export interface AuditRouteDeps {
  db: Database;
}

type Page = { cursor?: string | undefined; limit: number; action?: string | undefined };

/** Addresses that say who did what, and when. */
export function auditRoutes(deps: AuditRouteDeps) {
  const answer = pageOf(auditEntry);
  return [
    route({
      method: 'get',
      path: '/audit',
      summary: 'Who did what, newest first',
      needs: 'operator',
      query: auditQuery,
      answer,
      handle: ({ query }) => page(deps.db, {}, query),
    }),
    route({
      method: 'get',
      path: '/companies/:companyId/audit',
      summary: 'Who did what in an agency, newest first',
      needs: 'read',
      params: companyParams,
      query: auditQuery,
      answer,
      handle: ({ company, query }) => page(deps.db, { companyId: company.resourceId }, query),
    }),
    route({
      method: 'get',
      path: '/locations/:locationId/audit',
      summary: 'Who did what in a location, newest first',
      needs: 'read',
      params: locationParams,
      query: auditQuery,
      answer,
      handle: ({ location, query }) => page(deps.db, { locationId: location.resourceId }, query),
    }),
  ];
}

async function page(db: Database, where: Prisma.AuditEntryWhereInput, { cursor, limit, action }: Page) {
  const rows: AuditEntry[] = await db.client.auditEntry.findMany({
    where: { ...where, ...(action ? { action } : {}), ...(cursor ? { id: { lt: cursor } } : {}) },
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paginate(rows, limit, ({ id }) => id);
}
