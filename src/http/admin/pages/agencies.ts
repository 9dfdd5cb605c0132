import * as z from 'zod';
import { paginate } from '../../../core/pagination.ts';
import type { Database, InstallationStatus } from '../../../database/client.ts';
import { getInstallProgress } from '../../../installations/install-progress.ts';
import { definePage } from '../../pages/framework/page.ts';

const pageSize = 50;
/** The order of a row's statuses: those that need attention first. */
const statusOrder: InstallationStatus[] = ['reauth_required', 'suspended', 'pending', 'active', 'uninstalled'];

/** Creates the page of all agencies that have or had the app, with their install progress. */
export function createAgenciesPage({ db, appUrl }: { db: Database; appUrl: string }) {
  return definePage({
    path: 'agencies',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/agencies',
    nav: { text: 'operator.nav.agencies', order: 15 },
    query: z.object({ after: z.string().min(1).max(200).optional() }),

    async show({ text, query: { after } }) {
      const rows = await db.client.installation.findMany({
        where: { kind: 'company', ...(after ? { resourceId: { gt: after } } : {}) },
        orderBy: { resourceId: 'asc' },
        take: pageSize + 1,
      });
      const { items, nextCursor } = paginate(rows, pageSize, ({ resourceId }) => resourceId);
      const agencies = [];
      for (const row of items) {
        const { locations, sync } = await getInstallProgress(db, row);
        agencies.push({
          ...row,
          sync,
          total: statusOrder.reduce((sum, status) => sum + locations[status], 0),
          locations: statusOrder.flatMap((status) => (locations[status] > 0 ? [{ status, count: locations[status] }] : [])),
          reconnectUrl: row.status === 'reauth_required' ? `${appUrl}/install` : null,
        });
      }
      return { title: text('operator.agencies.title'), agencies, isFirst: after === undefined, nextCursor, appUrl };
    },

    async version() {
      const rows = await db.client.installation.groupBy({
        by: ['kind', 'status'],
        orderBy: [{ kind: 'asc' }, { status: 'asc' }],
        _count: true,
        _max: { updatedAt: true },
      });
      return JSON.stringify(rows.map(({ _count, _max }) => [_count, _max.updatedAt]));
    },
  });
}
