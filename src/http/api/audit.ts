import { paginate } from '../../core/pagination.ts';
import type { AuditEntry, Database, Prisma } from '../../database/client.ts';
import { defineRoute } from './route.ts';
import { auditEntry, auditQuery, companyParams, createPageSchema, locationParams } from './schemas.ts';

export interface AuditRouteDeps {
  db: Database;
}

type EntryQuery = { cursor?: string | undefined; limit: number; action?: string | undefined };

/** Defines the endpoints of the audit log. */
export function createAuditRoutes(deps: AuditRouteDeps) {
  const response = createPageSchema(auditEntry);
  return [
    defineRoute({
      method: 'get',
      path: '/audit',
      summary: 'List the audit log, newest first',
      permission: 'operator',
      scope: null,
      query: auditQuery,
      response,
      handle: ({ query }) => listEntries(deps.db, {}, query),
    }),
    defineRoute({
      method: 'get',
      path: '/companies/:companyId/audit',
      summary: 'List the audit log of an agency, newest first',
      permission: 'read',
      scope: null,
      params: companyParams,
      query: auditQuery,
      response,
      handle: ({ company, query }) => listEntries(deps.db, { companyId: company.resourceId }, query),
    }),
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/audit',
      summary: 'List the audit log of a location, newest first',
      permission: 'read',
      scope: 'locations:read',
      params: locationParams,
      query: auditQuery,
      response,
      handle: ({ location, query }) => listEntries(deps.db, { locationId: location.resourceId }, query),
    }),
  ];
}

async function listEntries(db: Database, where: Prisma.AuditEntryWhereInput, { cursor, limit, action }: EntryQuery) {
  const rows: AuditEntry[] = await db.client.auditEntry.findMany({
    where: { ...where, ...(action ? { action } : {}), ...(cursor ? { id: { lt: cursor } } : {}) },
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paginate(rows, limit, ({ id }) => id);
}
