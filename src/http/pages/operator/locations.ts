import * as z from 'zod';
import { paginate } from '../../../core/pagination.ts';
import type { Database, Prisma } from '../../../database/client.ts';
import { page } from '../page.ts';
import { placesOf } from './places.ts';

const rowsAtOnce = 50;
const statuses = ['active', 'pending', 'suspended', 'reauth_required', 'uninstalled'] as const;

/** Every location that has, had or is about to have the app, of whichever agency: found by name or id. */
export function locationsPage({ db }: { db: Database }) {
  return page({
    path: 'locations',
    about: 'reach',
    viewers: ['operator'],
    view: 'operator/locations',
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
        ...(q ? { OR: [{ name: { contains: literally(q), mode: 'insensitive' } }, { resourceId: q }, { companyId: q }] } : {}),
      };
      const rows = await db.client.installation.findMany({
        where: { AND: [where, after ? { resourceId: { gt: after } } : {}] },
        orderBy: { resourceId: 'asc' },
        take: rowsAtOnce + 1,
      });
      const { items, nextCursor } = paginate(rows, rowsAtOnce, ({ resourceId }) => resourceId);
      const channels = await db.client.connection.groupBy({
        by: ['locationId'],
        where: { locationId: { in: items.map(({ resourceId }) => resourceId) }, dormantSince: null },
        _count: true,
      });
      const countOf = new Map(channels.map(({ locationId, _count }) => [locationId, _count]));
      return {
        title: text('operator.locations.title'),
        total: await db.client.installation.count({ where }),
        locations: items.map((row) => ({ ...row, channelCount: countOf.get(row.resourceId) ?? 0 })),
        places: await placesOf(db.client, [company ?? null, ...items.map(({ companyId }) => companyId)]),
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

/** Looked for as it was typed: `%` and `_` are letters too. */
function literally(words: string): string {
  return words.replace(/[\\%_]/g, '\\$&');
}
