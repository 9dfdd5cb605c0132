import type { Messaging } from '../../compose/messaging.ts';
import type { Database } from '../../database/client.ts';
import { listDeadLetters } from '../../messages/recovery/dead-letters.ts';
import { listRedrives, type Redrive } from '../../messages/recovery/redrive.ts';
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

export interface DeadLetterRouteDeps {
  db: Database;
  messaging: Pick<Messaging, 'startRedrive'>;
}

/** Defines the endpoints about dead letters: listing and redriving them. A single one is resent by `/messages/:id/retry`. */
export function createDeadLetterRoutes(deps: DeadLetterRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/dead-letters',
      summary: 'List the dead letters: messages that failed or that wait for a decision, newest first',
      permission: 'read',
      scope: 'messages:read',
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
      summary: 'Redrive: resend all failed messages that match the filter',
      permission: 'write',
      scope: 'messages:write',
      params: locationParams,
      body: redriveRequest,
      response: redrive,
      status: 202,
      handle: async ({ location, body, access }) =>
        toRedriveView(await deps.messaging.startRedrive(location.resourceId, body, toActor(access))),
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId/redrives',
      summary: 'List the redrives with their progress, newest first',
      permission: 'read',
      scope: 'messages:read',
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
