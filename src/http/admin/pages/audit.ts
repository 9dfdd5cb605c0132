import * as z from 'zod';
import { auditActions } from '../../../audit/audit-log.ts';
import { paginate } from '../../../core/pagination.ts';
import type { Database } from '../../../database/client.ts';
import { definePage } from '../../pages/framework/page.ts';
import { loadTenants } from './tenants.ts';

const pageSize = 50;
/** Actors with a translated name; users are shown by id. */
const systemActors = ['operator', 'highlevel', 'patchbay'];

/** Creates the page of the audit log, newest first. */
export function createAuditPage({ db }: { db: Database }) {
  return definePage({
    path: 'audit',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/audit',
    nav: { text: 'operator.nav.audit', order: 60 },
    query: z.object({
      action: z.enum(auditActions).optional(),
      tenant: z.string().trim().max(200).optional(),
      /** The old name of `tenant`, for bookmarks. */
      place: z.string().trim().max(200).optional(),
      before: z.uuid().optional(),
    }),

    async show({ text, query: { action, place, tenant = place, before } }) {
      const rows = await db.client.auditEntry.findMany({
        where: {
          ...(action ? { action } : {}),
          ...(tenant ? { OR: [{ locationId: tenant }, { companyId: tenant }] } : {}),
          ...(before ? { id: { lt: before } } : {}),
        },
        orderBy: { id: 'desc' },
        take: pageSize + 1,
      });
      const { items, nextCursor } = paginate(rows, pageSize, ({ id }) => id);
      return {
        title: text('operator.audit.title'),
        entries: items.map((entry) => ({
          ...entry,
          who: systemActors.includes(entry.actor) ? text(`operator.audit.actors.${entry.actor}`) : entry.actor,
        })),
        tenants: await loadTenants(
          db.client,
          items.flatMap(({ locationId, companyId }) => [locationId, companyId]),
        ),
        actions: auditActions,
        filter: { action, tenant },
        isFiltered: Boolean(action || tenant),
        isFirst: before === undefined,
        nextCursor,
      };
    },

    async version() {
      const newest = await db.client.auditEntry.findFirst({ orderBy: { id: 'desc' }, select: { id: true } });
      return newest?.id ?? '';
    },
  });
}
