import type { NewId } from '../../core/ids.ts';
import { listDeadLetters, listRedrives, type Redrive, startRedrive } from '../../messages/recovery/dead-letters.ts';
import type { StoreDeps } from '../../messages/settlement/update-messages.ts';
import { actorOf } from '../access.ts';
import { messageView } from './messages.ts';
import { route } from './route.ts';
import { deadLettersQuery, idPageQuery, locationParams, message, pageOf, redrive, redriveWanted } from './shapes.ts';

/** Addresses about what was given up: looking at it, and sending again all of it that fits. One alone: `/messages/:id/retry`. */
export function deadLetterRoutes(deps: StoreDeps & { newId: NewId }) {
  return [
    route({
      method: 'get',
      path: '/locations/:locationId/dead-letters',
      summary: 'Messages that were given up, or that wait for a person’s decision, newest first',
      needs: 'read',
      params: locationParams,
      query: deadLettersQuery,
      answer: pageOf(message),
      async handle({ location, query }) {
        const { items, nextCursor } = await listDeadLetters(deps.db, location.resourceId, query);
        return { items: items.map((row) => messageView(row)), nextCursor };
      },
    }),

    route({
      method: 'post',
      path: '/locations/:locationId/redrives',
      summary: 'Send again all messages that failed and fit',
      needs: 'write',
      params: locationParams,
      body: redriveWanted,
      answer: redrive,
      status: 202,
      handle: async ({ location, body, access }) => view(await startRedrive(deps, location.resourceId, body, actorOf(access))),
    }),

    route({
      method: 'get',
      path: '/locations/:locationId/redrives',
      summary: 'How far sending again has come, newest first',
      needs: 'read',
      params: locationParams,
      query: idPageQuery,
      answer: pageOf(redrive),
      async handle({ location, query }) {
        const { items, nextCursor } = await listRedrives(deps.db, location.resourceId, query);
        return { items: items.map(view), nextCursor };
      },
    }),
  ];
}

function view(row: Redrive) {
  return { ...row, filter: row.filter as Record<string, unknown> };
}
