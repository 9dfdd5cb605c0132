import * as z from 'zod';
import { auditActions } from '../../../audit/audit-log.ts';
import { paginate } from '../../../core/pagination.ts';
import type { Database } from '../../../database/client.ts';
import { page } from '../page.ts';
import { placesOf } from './places.ts';

const rowsAtOnce = 50;
/** Who did it where it was no user; those are told by their ids. */
const ownActors = ['operator', 'highlevel', 'patchbay'];

/** Who did what, and when, newest first. */
export function auditPage({ db }: { db: Database }) {
  return page({
    path: 'audit',
    about: 'reach',
    viewers: ['operator'],
    view: 'operator/audit',
    nav: { text: 'operator.nav.audit', order: 60 },
    query: z.object({
      action: z.enum(auditActions).optional(),
      place: z.string().trim().max(200).optional(),
      before: z.uuid().optional(),
    }),

    async show({ text, query: { action, place, before } }) {
      const rows = await db.client.auditEntry.findMany({
        where: {
          ...(action ? { action } : {}),
          ...(place ? { OR: [{ locationId: place }, { companyId: place }] } : {}),
          ...(before ? { id: { lt: before } } : {}),
        },
        orderBy: { id: 'desc' },
        take: rowsAtOnce + 1,
      });
      const { items, nextCursor } = paginate(rows, rowsAtOnce, ({ id }) => id);
      return {
        title: text('operator.audit.title'),
        entries: items.map((entry) => ({
          ...entry,
          who: ownActors.includes(entry.actor) ? text(`operator.audit.actors.${entry.actor}`) : entry.actor,
        })),
        places: await placesOf(
          db.client,
          items.flatMap(({ locationId, companyId }) => [locationId, companyId]),
        ),
        actions: auditActions,
        filter: { action, place },
        isFiltered: Boolean(action || place),
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
