import * as z from 'zod';
import { type Clock, dateNow } from '../../../core/clock.ts';
import type { Database } from '../../../database/client.ts';
import { countDeadLetters } from '../../../messages/stats/totals.ts';
import { definePage } from '../../pages/framework/page.ts';
import { toReasonText } from '../../pages/framework/texts.ts';
import { loadTenants } from './tenants.ts';

const dayMs = 24 * 60 * 60 * 1000;
const pageSize = 50;
/** The refresh interval of an open page: counting is expensive. */
const refreshIntervalMs = 60_000;
const spans = ['1', '7', '14'] as const;

/** Creates the page of dead letters by location and reason; the location's own page lists and resends them. */
export function createDeadLettersPage({ db, clock }: { db: Database; clock: Clock }) {
  return definePage({
    path: 'dead-letters',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/dead-letters',
    nav: { text: 'operator.nav.deadLetters', order: 40 },
    query: z.object({ days: z.enum(spans).default('7'), page: z.coerce.number().int().min(1).max(1_000).default(1) }),

    async show({ text, query: { days, page } }) {
      const since = new Date(dateNow(clock).getTime() - Number(days) * dayMs);
      const { rows, scannedSince } = await countDeadLetters(db.client, since, {
        take: pageSize + 1,
        skip: (page - 1) * pageSize,
      });
      const shown = rows.slice(0, pageSize);
      return {
        title: text('operator.deadLetters.title'),
        rows: shown.map((row) => ({ ...row, reasonText: describeReason(row) })),
        tenants: await loadTenants(
          db.client,
          shown.map(({ locationId }) => locationId),
        ),
        days,
        scannedSince,
        spans,
        page,
        hasMore: rows.length > pageSize,
      };

      function describeReason({ code, reason }: { code: string | null; reason: string | null }): string {
        if (code === null) return reason ?? text('operator.deadLetters.noReason');
        return toReasonText(text, { code, message: reason ?? code });
      }
    },

    version: async () => String(Math.floor(clock.now() / refreshIntervalMs)),
  });
}
