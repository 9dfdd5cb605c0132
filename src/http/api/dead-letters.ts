import type { NewId } from '../../core/ids.ts';
import { listDeadLetters, listRedrives, type Redrive, startRedrive } from '../../messages/recovery/dead-letters.ts';
import type { StoreDeps } from '../../messages/model/message-jobs.ts';
import { toActor } from '../auth/access.ts';
import { toMessageView } from './messages.ts';
import { defineRoute } from './route.ts';
import {
  createPageSchema,
  deadLettersQuery,
  idPageQuery,
  locationParams,
  message,
  redrive,
  redriveRequest,
} from './schemas.ts';

/** Addresses about what was given up: looking at it, and sending again all of it that fits. One alone: `/messages/:id/retry`. */
export function createDeadLetterRoutes(deps: StoreDeps & { newId: NewId }) {
  return [
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/dead-letters',
      summary: 'Messages that were given up, or that wait for a person’s decision, newest first',
      permission: 'read',
      params: locationParams,
      query: deadLettersQuery,
      response: createPageSchema(message),
      async handle({ location, query }) {
        const { items, nextCursor } = await listDeadLetters(deps.db, location.resourceId, query);
        return { items: items.map((row) => toMessageView(row)), nextCursor };
      },
    }),

    defineRoute({
      method: 'post',
      path: '/locations/:locationId/redrives',
      summary: 'Send again all messages that failed and fit',
      permission: 'write',
      params: locationParams,
      body: redriveRequest,
      response: redrive,
      status: 202,
      handle: async ({ location, body, access }) =>
        toRedriveView(await startRedrive(deps, location.resourceId, body, toActor(access))),
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId/redrives',
      summary: 'How far sending again has come, newest first',
      permission: 'read',
      params: locationParams,
      query: idPageQuery,
      response: createPageSchema(redrive),
      async handle({ location, query }) {
        const { items, nextCursor } = await listRedrives(deps.db, location.resourceId, query);
        return { items: items.map(toRedriveView), nextCursor };
      },
    }),
  ];
}

function toRedriveView(row: Redrive) {
  return { ...row, filter: row.filter as Record<string, unknown> };
}
