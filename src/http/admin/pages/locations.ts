import * as z from 'zod';
import { paginate } from '../../../core/pagination.ts';
import type { Database, Prisma } from '../../../database/client.ts';
import { definePage } from '../../pages/framework/page.ts';
import { loadTenants } from './tenants.ts';

const pageSize = 50;
const statuses = ['active', 'pending', 'suspended', 'reauth_required', 'uninstalled'] as const;

/** Creates the page of all locations of all agencies, with a search by name or id. */
export function createLocationsPage({ db }: { db: Database }) {
  return definePage({
    path: 'locations',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/locations',
    nav: { text: 'nav.locations', order: 20 },
    query: z.object({
      q: z.string().trim().max(200).optional(),
      status: z.enum(statuses).optional(),
      company: z.string().min(1).max(200).optional(),
      after: z.string().min(1).max(200).optional(),
    }),

    async show({ text, query: { q, status, company, after } }) {
      const where: Prisma.InstallationWhereInput = {
        kind: 'location',
        ...(status ? { status } : {}),
        ...(company ? { companyId: company } : {}),
        ...(q ? { OR: [{ name: { contains: escapeLike(q), mode: 'insensitive' } }, { resourceId: q }, { companyId: q }] } : {}),
      };
      const rows = await db.client.installation.findMany({
        where: { AND: [where, after ? { resourceId: { gt: after } } : {}] },
        orderBy: { resourceId: 'asc' },
        take: pageSize + 1,
      });
      const { items, nextCursor } = paginate(rows, pageSize, ({ resourceId }) => resourceId);
      const channels = await db.client.connection.groupBy({
        by: ['locationId'],
        where: { locationId: { in: items.map(({ resourceId }) => resourceId) }, disabledAt: null },
        _count: true,
      });
      const channelCounts = new Map(channels.map(({ locationId, _count }) => [locationId, _count]));
      return {
        title: text('operator.locations.title'),
        total: await db.client.installation.count({ where }),
        locations: items.map((row) => ({ ...row, channelCount: channelCounts.get(row.resourceId) ?? 0 })),
        tenants: await loadTenants(db.client, [company ?? null, ...items.map(({ companyId }) => companyId)]),
        statuses,
        filter: { q, status, company },
        isFiltered: Boolean(q || status || company),
        isFirst: after === undefined,
        nextCursor,
      };
    },

    async version() {
      const rows = await db.client.installation.groupBy({
        by: ['status'],
        where: { kind: 'location' },
        orderBy: { status: 'asc' },
        _count: true,
        _max: { updatedAt: true },
      });
      return JSON.stringify(rows.map(({ status, _count, _max }) => [status, _count, _max.updatedAt]));
    },
  });
}

/** Escapes `%` and `_` for a literal search. */
function escapeLike(words: string): string {
  return words.replace(/[\\%_]/g, '\\$&');
}
