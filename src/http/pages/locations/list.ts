import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type Clock, dateNow } from '../../../core/clock.ts';
import type { Database } from '../../../database/client.ts';
import { createAdaptiveCache } from '../../../runtime/adaptive-cache.ts';
import type { Access } from '../../auth/access.ts';
import { renderSparkline } from '../charts/sparkline.ts';
import { definePage } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';
import {
  getDefaultOrder,
  isMatchingRow,
  type LocationRow,
  loadLocationRows,
  type SortColumn,
  type SortOrder,
  sortColumns,
  sortRows,
} from './rows.ts';

const pageSize = 50;

const query = z.object({
  sort: z.enum(sortColumns).default('health'),
  order: z.enum(['asc', 'desc']).optional(),
  show: z.enum(['attention', 'silent']).optional(),
  q: z.string().trim().max(200).optional(),
  page: z.coerce.number().int().min(1).max(100_000).default(1),
});

/** Creates the page of the visible locations with their health; those that need attention come first. */
export function createLocationsPage(deps: { db: Database; clock: Clock }) {
  const cache = createAdaptiveCache<LocationRow[]>(deps.clock);
  const loadRows = (access: Access) =>
    cache(access === 'operator' ? access : `${access.companyId}/${access.locationId}`, () =>
      loadLocationRows(deps.db, access, dateNow(deps.clock)),
    );

  return definePage({
    path: 'locations',
    scope: 'account',
    viewers: ['agency', 'operator'],
    view: 'locations',
    nav: { text: 'nav.locations', order: 20 },
    query,

    async show({ access, text, url, query: { sort, show, q, page: requestedPage, ...given } }) {
      const all = await loadRows(access);
      const order = given.order ?? getDefaultOrder(sort);
      const named = all.filter((row) => isMatchingRow(row, undefined, q));
      const rows = sortRows(
        named.filter((row) => isMatchingRow(row, show, undefined)),
        sort,
        order,
        text.language,
      );
      const pages = Math.max(Math.ceil(rows.length / pageSize), 1);
      const current = Math.min(requestedPage, pages);
      const link = (changed: {
        sort?: SortColumn;
        order?: SortOrder;
        page?: number | undefined;
        show?: string | undefined;
        q?: undefined;
      }) => url('/locations', { show, q, sort, order, ...changed });
      const countByHealth = (health: string) => named.filter((row) => row.health.kind === health).length;
      return {
        title: text('locations.title'),
        total: all.length,
        found: rows.length,
        rows: rows
          .slice((current - 1) * pageSize, current * pageSize)
          .map((row) => ({ ...row, spark: toSparkline(text, row) })),
        columns: toColumns(sort, order, link),
        filter: {
          sort,
          show,
          q,
          sorts: sortColumns,
          all: named.length,
          attention: countByHealth('attention'),
          silent: countByHealth('silent'),
        },
        clearUrl: show || q ? link({ show: undefined, q: undefined }) : null,
        pages: { current, total: pages },
        previous: current > 1 ? link({ page: current > 2 ? current - 1 : undefined }) : null,
        next: current < pages ? link({ page: current + 1 }) : null,
      };
    },

    // Hashed, because every stream holds its version in memory.
    version: async ({ access }) =>
      createHash('sha256')
        .update(JSON.stringify(await loadRows(access)))
        .digest('base64url'),
  });
}

/** Returns the columns with their sort links; the sorted column's link reverses the order. */
function toColumns(sort: SortColumn, order: SortOrder, link: (changed: { sort: SortColumn; order: SortOrder }) => string) {
  const columns: SortColumn[] = ['name', 'health', 'channels', 'day', 'week', 'failed', 'sent', 'received'];
  return columns.map((name) => {
    const isSorted = name === sort;
    const reversed = order === 'asc' ? 'desc' : 'asc';
    return {
      name,
      sorted: isSorted ? (order === 'asc' ? 'ascending' : 'descending') : null,
      href: link({ sort: name, order: isSorted ? reversed : getDefaultOrder(name) }),
    };
  });
}

function toSparkline(text: Text, { days }: LocationRow): string {
  const total = (name: 'sent' | 'failed') => text.number(days.reduce((sum, day) => sum + day[name], 0));
  return renderSparkline(days, text('locations.spark', { sent: total('sent'), failed: total('failed') }));
}
