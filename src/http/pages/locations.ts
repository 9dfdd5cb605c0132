import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database } from '../../database/client.ts';
import { createAdaptiveCache } from '../../runtime/adaptive-cache.ts';
import type { Access } from '../auth/access.ts';
import { sparkline } from './charts/sparkline.ts';
import { isWanted, type LocationRow, locationRows, type Order, type Sort, sorted, sorts, usualOrder } from './location-rows.ts';
import { page } from './page.ts';
import type { Text } from './texts.ts';

const rowsAtOnce = 50;

const query = z.object({
  sort: z.enum(sorts).default('health'),
  order: z.enum(['asc', 'desc']).optional(),
  show: z.enum(['attention', 'silent']).optional(),
  q: z.string().trim().max(200).optional(),
  page: z.coerce.number().int().min(1).max(100_000).default(1),
});

/** The locations that somebody reaches, with their health: what needs attention first. */
export function locationsPage(deps: { db: Database; clock: Clock }) {
  const share = createAdaptiveCache<LocationRow[]>(deps.clock);
  const look = (access: Access) =>
    share(access === 'operator' ? access : `${access.companyId}/${access.locationId}`, () =>
      locationRows(deps.db, access, dateNow(deps.clock)),
    );

  return page({
    path: 'locations',
    about: 'reach',
    viewers: ['agency', 'operator'],
    view: 'locations',
    nav: { text: 'nav.locations', order: 20 },
    query,

    async show({ access, text, url, query: { sort, show, q, page: wanted, ...given } }) {
      const all = await look(access);
      const order = given.order ?? usualOrder(sort);
      const named = all.filter((row) => isWanted(row, undefined, q));
      const rows = sorted(
        named.filter((row) => isWanted(row, show, undefined)),
        sort,
        order,
        text.language,
      );
      const pages = Math.max(Math.ceil(rows.length / rowsAtOnce), 1);
      const at = Math.min(wanted, pages);
      const link = (changed: {
        sort?: Sort;
        order?: Order;
        page?: number | undefined;
        show?: string | undefined;
        q?: undefined;
      }) => url('/locations', { show, q, sort, order, ...changed });
      const counted = (health: string) => named.filter((row) => row.health.kind === health).length;
      return {
        title: text('locations.title'),
        total: all.length,
        found: rows.length,
        rows: rows.slice((at - 1) * rowsAtOnce, at * rowsAtOnce).map((row) => ({ ...row, spark: sparkOf(text, row) })),
        columns: columnsOf(sort, order, link),
        filter: { sort, show, q, sorts, all: named.length, attention: counted('attention'), silent: counted('silent') },
        everything: show || q ? link({ show: undefined, q: undefined }) : null,
        pages: { at, of: pages },
        previous: at > 1 ? link({ page: at > 2 ? at - 1 : undefined }) : null,
        next: at < pages ? link({ page: at + 1 }) : null,
      };
    },

    // It is long, and every stream keeps it.
    version: async ({ access }) =>
      createHash('sha256')
        .update(JSON.stringify(await look(access)))
        .digest('base64url'),
  });
}

/** Every column, with the link that sorts by it: once more, and the other way round. */
function columnsOf(sort: Sort, order: Order, link: (changed: { sort: Sort; order: Order }) => string) {
  const columns: Sort[] = ['name', 'health', 'channels', 'day', 'week', 'failed', 'sent', 'received'];
  return columns.map((name) => {
    const isSorted = name === sort;
    const turned = order === 'asc' ? 'desc' : 'asc';
    return {
      name,
      sorted: isSorted ? (order === 'asc' ? 'ascending' : 'descending') : null,
      href: link({ sort: name, order: isSorted ? turned : usualOrder(name) }),
    };
  });
}

function sparkOf(text: Text, { days }: LocationRow): string {
  const total = (name: 'sent' | 'failed') => text.number(days.reduce((sum, day) => sum + day[name], 0));
  return sparkline(days, text('locations.spark', { sent: total('sent'), failed: total('failed') }));
}
