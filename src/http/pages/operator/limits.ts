import * as z from 'zod';
import { type Clock, dateNow } from '../../../core/clock.ts';
import type { Database } from '../../../database/client.ts';
import { highLevelDailyQuota, highLevelRateLimit } from '../../../highlevel/rate-limit.ts';
import { listConnectionGroups, listLowestQuotas } from '../../../queue/group-status.ts';
import { page } from '../page.ts';
import { placesOf } from './places.ts';
import { everyMs } from './system.ts';

const rowsAtOnce = 50;

/** What is used up of HighLevel's day, location by location, and how fast each connection sends. */
export function limitsPage({ db, clock }: { db: Database; clock: Clock }) {
  return page({
    path: 'limits',
    about: 'reach',
    viewers: ['operator'],
    view: 'operator/limits',
    nav: { text: 'operator.nav.limits', order: 70 },
    query: z.object({
      page: z.coerce.number().int().min(1).max(10_000).default(1),
      channels: z.coerce.number().int().min(1).max(10_000).default(1),
    }),

    async show({ text, query }) {
      const now = dateNow(clock);
      const window = (page: number) => ({ take: rowsAtOnce + 1, skip: (page - 1) * rowsAtOnce });
      const budgets = await listLowestQuotas(db.client, now, window(query.page));
      const channels = await listConnectionGroups(db.client, now, window(query.channels));
      return {
        title: text('operator.limits.title'),
        day: highLevelDailyQuota,
        perSecond: 1000 / highLevelRateLimit.intervalMs,
        budgets: budgets.slice(0, rowsAtOnce).map((row) => ({
          ...row,
          used: row.quotaRemaining === null ? null : Math.max(highLevelDailyQuota - row.quotaRemaining, 0),
        })),
        channels: channels.slice(0, rowsAtOnce),
        places: await placesOf(
          db.client,
          [...budgets, ...channels].map(({ resourceId }) => resourceId),
        ),
        query,
        hasMoreBudgets: budgets.length > rowsAtOnce,
        hasMoreChannels: channels.length > rowsAtOnce,
      };
    },

    version: async () => String(Math.floor(clock.now() / everyMs)),
  });
}
