import * as z from 'zod';
import type { Messaging } from '../../../compose/messaging.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import type { Database } from '../../../database/client.ts';
import type { LogQuery } from '../../../messages/log/list-messages.ts';
import { countByReason } from '../../../messages/recovery/dead-letters.ts';
import { listRedrives } from '../../../messages/recovery/redrive.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, definePage, optionalField } from '../framework/page.ts';
import { toReasonText } from '../framework/texts.ts';
import { createMessageLink, loadMessageRows, toRowsVersion } from './rows.ts';

const pageSize = 50;
const maxRedrives = 5;
const dayMs = 24 * 60 * 60 * 1000;
const spans = { day: dayMs, week: 7 * dayMs, month: 30 * dayMs, all: null } as const;

const filter = z.object({
  reason: optionalField(z.string().max(100)),
  direction: optionalField(z.enum(['outbound', 'inbound'])),
});

const query = filter.extend({ before: optionalField(z.uuid()), after: optionalField(z.uuid()) });

export interface DeadLettersPageDeps {
  db: Database;
  clock: Clock;
  messaging: Pick<Messaging, 'listMessages' | 'startRedrive'>;
}

/** Creates the page of a location's dead letters, with counts by reason and bulk resends. */
export function createDeadLettersPage(deps: DeadLettersPageDeps) {
  const logQuery = ({ reason, direction, before, after }: z.output<typeof query>): LogQuery => ({
    status: 'given_up',
    reason,
    direction,
    before,
    after,
    limit: pageSize,
  });

  return definePage({
    path: 'dead-letters',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'dead-letters',
    nav: { text: 'log.deadLetters.nav', order: 40 },
    query,

    async show({ location: { resourceId }, query, text, url, can }) {
      const { items, older, newer } = await deps.messaging.listMessages([resourceId], logQuery(query));
      const { reasons, maxCount } = await countByReason(deps.db, resourceId);
      const redrives = await listRedrives(deps.db, resourceId, { limit: maxRedrives });
      const { before, after, ...filters } = query;
      const path = 'dead-letters';
      const toReasonName = (code: string) => {
        const row = reasons.find((reason) => reason.code === code);
        return toReasonText(text, { code, message: row?.message ?? code });
      };
      const matching = reasons.filter(({ code }) => !filters.reason || code === filters.reason);
      return {
        title: text('log.deadLetters.title'),
        path: url(path),
        reasons: reasons.map(({ code, message, count }) => ({
          code,
          name: code ? toReasonName(code) : (message ?? text('log.deadLetters.noReason')),
          count,
          href: url(path, { ...filters, reason: code ?? undefined }),
        })),
        countLimit: reasons.reduce((sum, { count }) => sum + count, 0) >= maxCount ? maxCount : null,
        rows: await loadMessageRows(deps, items, { text, href: createMessageLink(url, 'location') }),
        locationNames: null,
        filters,
        reasonName: filters.reason ? toReasonName(filters.reason) : null,
        isFiltered: Boolean(filters.reason || filters.direction),
        canRedrive: can('write') && matching.some(({ failed }) => failed > 0),
        spans: Object.keys(spans),
        redrives: redrives.items.map((row) => {
          const filter = row.filter as { reason?: string; direction?: string };
          return { ...row, reason: filter.reason ? toReasonName(filter.reason) : null, direction: filter.direction ?? null };
        }),
        newest: before || after ? url(path, filters) : null,
        newer: newer && url(path, { ...filters, after: newer }),
        older: older && url(path, { ...filters, before: older }),
        clear: url(path),
        log: url('messages'),
      };
    },

    async version({ location: { resourceId }, query }) {
      const { items } = await deps.messaging.listMessages([resourceId], logQuery(query));
      const redrives = await listRedrives(deps.db, resourceId, { limit: maxRedrives });
      return JSON.stringify([
        toRowsVersion(items),
        redrives.items.map(({ id, doneCount: done, endedAt }) => [id, done, endedAt]),
      ]);
    },

    actions: {
      redrive: defineAction({
        permission: 'write',
        body: filter.extend({ span: z.enum(['day', 'week', 'month', 'all']).default('all') }),
        async run({ location, access, text, url, body: { reason, direction, span } }) {
          const ms = spans[span];
          const since = ms === null ? undefined : new Date(dateNow(deps.clock).getTime() - ms);
          const wanted = { reason, direction, since };
          const { totalCount: total } = await deps.messaging.startRedrive(location.resourceId, wanted, toActor(access));
          // Without a cursor: the progress is on the first page.
          const redirectTo = url('dead-letters', { reason, direction });
          return {
            redirectTo,
            notice: total > 0 ? text('log.deadLetters.started', { count: total }) : text('log.deadLetters.noMatches'),
          };
        },
      }),
    },
  });
}
