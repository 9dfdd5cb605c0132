import * as z from 'zod';
import { connectionGroupPrefix, parseGroupKey } from '../../../connections/queue-group.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import type { Database } from '../../../database/client.ts';
import { highLevelGroupPrefix } from '../../../highlevel/group-keys.ts';
import { highLevelDailyQuota, highLevelRateLimit } from '../../../highlevel/rate-limit.ts';
import { type GroupStatus, listLimitedGroups, listLowestQuotas } from '../../../queue/group-status.ts';
import { definePage } from '../../pages/framework/page.ts';
import { refreshIntervalMs } from './system.ts';
import { loadTenants } from './tenants.ts';

const pageSize = 50;

const withOwner = (group: GroupStatus) => ({ ...group, ...parseGroupKey(group.key) });

/** Creates the page of HighLevel's daily quota by location, and of each connection's limits. */
export function createLimitsPage({ db, clock }: { db: Database; clock: Clock }) {
  return definePage({
    path: 'limits',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/limits',
    nav: { text: 'operator.nav.limits', order: 70 },
    query: z.object({
      page: z.coerce.number().int().min(1).max(10_000).default(1),
      channels: z.coerce.number().int().min(1).max(10_000).default(1),
    }),

    async show({ text, query }) {
      const now = dateNow(clock);
      const window = (prefix: string, page: number) => ({ prefix, take: pageSize + 1, skip: (page - 1) * pageSize });
      const quotas = (await listLowestQuotas(db.client, now, window(highLevelGroupPrefix, query.page))).map(withOwner);
      const channels = (await listLimitedGroups(db.client, now, window(connectionGroupPrefix, query.channels))).map(withOwner);
      return {
        title: text('operator.limits.title'),
        day: highLevelDailyQuota,
        perSecond: 1000 / highLevelRateLimit.intervalMs,
        quotas: quotas.slice(0, pageSize).map((row) => ({
          ...row,
          used: row.quotaRemaining === null ? null : Math.max(highLevelDailyQuota - row.quotaRemaining, 0),
        })),
        channels: channels.slice(0, pageSize),
        tenants: await loadTenants(
          db.client,
          [...quotas, ...channels].map(({ resourceId }) => resourceId),
        ),
        query,
        hasMoreQuotas: quotas.length > pageSize,
        hasMoreChannels: channels.length > pageSize,
      };
    },

    version: async () => String(Math.floor(clock.now() / refreshIntervalMs)),
  });
}
