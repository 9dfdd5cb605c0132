import * as z from 'zod';
import { definePage, optionalField } from '../framework/page.ts';
import type { OptOutPageDeps } from './list.ts';

const spans = ['7', '30', '90'] as const;

/** Creates the page that reports which messages were not sent because of an opt-out. */
export function createRefusedSendsPage({ messaging }: OptOutPageDeps) {
  const path = 'opt-outs/refused';
  return definePage({
    path,
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'refused-sends',
    query: z.object({ days: optionalField(z.enum(spans)) }),

    async show({ location, query, text, url }) {
      const days = query.days ?? '30';
      const zone = location.timezone ?? 'UTC';
      const log = { reason: 'opted_out', status: 'failed' };
      const report = await messaging.countRefusedSends(location, Number(days));
      return {
        title: text('optOuts.refused.title'),
        path: url(path),
        optOuts: url('opt-outs'),
        log: url('messages', log),
        spans,
        span: days,
        total: report.totalCount,
        causes: report.causes.map(({ cause, count }) => ({ name: text(`optOuts.causes.${cause}`), count })),
        days: report.days
          .filter(({ count }) => count > 0)
          .reverse()
          .map(({ day, count }) => ({
            at: new Date(`${day}T12:00:00Z`),
            count,
            href: url('messages', { ...log, day, zone }),
          })),
      };
    },
  });
}
