import * as z from 'zod';
import { dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import type { ListMessages, LogQuery } from '../../messages/log/list-messages.ts';
import { countByReason, listRedrives, startRedrive } from '../../messages/recovery/dead-letters.ts';
import type { StoreDeps } from '../../messages/settlement/update-messages.ts';
import { toActor } from '../auth/access.ts';
import { linkToMessage, messageRows, rowsVersion } from './message-rows.ts';
import { action, ifGiven, page } from './page.ts';
import { reasonText } from './texts.ts';

const rowsAtOnce = 50;
const redrivesShown = 5;
const dayMs = 24 * 60 * 60 * 1000;
const spans = { day: dayMs, week: 7 * dayMs, month: 30 * dayMs, all: null } as const;

const filter = z.object({
  reason: ifGiven(z.string().max(100)),
  direction: ifGiven(z.enum(['outbound', 'inbound'])),
});

const query = filter.extend({ before: ifGiven(z.uuid()), after: ifGiven(z.uuid()) });

/** What was given up in a location, or waits for a person's decision: why, which, and sending again all that fits. */
export function deadLettersPage(deps: StoreDeps & { newId: NewId; listMessages: ListMessages }) {
  const logQuery = ({ reason, direction, before, after }: z.output<typeof query>): LogQuery => ({
    status: 'given_up',
    reason,
    direction,
    before,
    after,
    limit: rowsAtOnce,
  });

  return page({
    path: 'dead-letters',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'dead-letters',
    nav: { text: 'log.givenUp.nav', order: 40 },
    query,

    async show({ location: { resourceId }, query, text, url, can }) {
      const { items, older, newer } = await deps.listMessages([resourceId], logQuery(query));
      const { reasons, maxCount: atMost } = await countByReason(deps.db, resourceId);
      const redrives = await listRedrives(deps.db, resourceId, { limit: redrivesShown });
      const { before, after, ...kept } = query;
      const path = 'dead-letters';
      const nameOf = (code: string) => {
        const known = reasons.find((reason) => reason.code === code);
        return reasonText(text, { code, message: known?.message ?? code });
      };
      const fitting = reasons.filter(({ code }) => !kept.reason || code === kept.reason);
      return {
        title: text('log.givenUp.title'),
        path: url(path),
        reasons: reasons.map(({ code, message, count }) => ({
          code,
          name: code ? nameOf(code) : (message ?? text('log.givenUp.noReason')),
          count,
          href: url(path, { ...kept, reason: code ?? undefined }),
        })),
        countedAtMost: reasons.reduce((sum, { count }) => sum + count, 0) >= atMost ? atMost : null,
        rows: await messageRows(deps, items, { text, href: linkToMessage(url, 'location') }),
        locationNames: null,
        filters: kept,
        reasonName: kept.reason ? nameOf(kept.reason) : null,
        isFiltered: Boolean(kept.reason || kept.direction),
        canSendAgain: can('write') && fitting.some(({ failed }) => failed > 0),
        spans: Object.keys(spans),
        redrives: redrives.items.map((row) => {
          const asked = row.filter as { reason?: string; direction?: string };
          return { ...row, reason: asked.reason ? nameOf(asked.reason) : null, direction: asked.direction ?? null };
        }),
        newest: before || after ? url(path, kept) : null,
        newer: newer && url(path, { ...kept, after: newer }),
        older: older && url(path, { ...kept, before: older }),
        clear: url(path),
        log: url('messages'),
      };
    },

    async version({ location: { resourceId }, query }) {
      const { items } = await deps.listMessages([resourceId], logQuery(query));
      const redrives = await listRedrives(deps.db, resourceId, { limit: redrivesShown });
      return JSON.stringify([rowsVersion(items), redrives.items.map(({ id, done, endedAt }) => [id, done, endedAt])]);
    },

    actions: {
      redrive: action({
        needs: 'write',
        body: filter.extend({ span: z.enum(['day', 'week', 'month', 'all']).default('all') }),
        async run({ location, access, text, url, body: { reason, direction, span } }) {
          const ms = spans[span];
          const since = ms === null ? undefined : new Date(dateNow(deps.clock).getTime() - ms);
          const wanted = { reason, direction, since };
          const { total } = await startRedrive(deps, location.resourceId, wanted, toActor(access));
          // From its top, where the progress is.
          const goTo = url('dead-letters', { reason, direction });
          return { goTo, notice: total > 0 ? text('log.givenUp.begun', { count: total }) : text('log.givenUp.nothingFits') };
        },
      }),
    },
  });
}
