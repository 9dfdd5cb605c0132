import { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database } from '../../database/client.ts';
import { listMessages, messageWithHistory } from '../../messages/log.ts';
import { resend } from '../../messages/resend.ts';
import type { Message, StoreDeps } from '../../messages/store.ts';
import { timelineOf } from '../../messages/timeline.ts';
import { actorOf } from '../access.ts';
import { route } from './route.ts';
import { locationParams, message, messageDetail, messageParams, messagesQuery, pageOf } from './shapes.ts';

/** Addresses about messages: the log of a location, one message with all that happened to it, and sending it again. */
export function messageRoutes(deps: StoreDeps & { newId: NewId }) {
  return [
    route({
      method: 'get',
      path: '/locations/:locationId/messages',
      summary: 'A location’s messages, newest first',
      needs: 'read',
      params: locationParams,
      query: messagesQuery,
      answer: pageOf(message),
      async handle({ location, query }) {
        const { items, nextCursor } = await listMessages(deps.db, location.resourceId, query);
        return { items: items.map(messageView), nextCursor };
      },
    }),

    route({
      method: 'get',
      path: '/messages/:id',
      summary: 'One message with every attempt and its timeline',
      needs: 'read',
      params: messageParams,
      answer: messageDetail,
      handle: ({ message: row }) => detail(deps.db, row.id),
    }),

    route({
      method: 'post',
      path: '/messages/:id/retry',
      summary: 'Send again what failed, or what nobody knows the fate of',
      needs: 'write',
      params: messageParams,
      answer: messageDetail,
      status: 202,
      async handle({ message: row, access }) {
        await resend(deps, row, actorOf(access));
        return detail(deps.db, row.id);
      },
    }),
  ];
}

async function detail(db: Database, id: string) {
  const found = await messageWithHistory(db, id);
  if (!found) throw noMessage();
  return {
    ...messageView(found),
    html: found.html,
    attempts: found.attempts.map((attempt) => ({ ...attempt, reason: reasonView(attempt.code, attempt.reason) })),
    timeline: timelineOf(found),
  };
}

/** A message as the API shows it. */
export function messageView(row: Message) {
  return {
    ...row,
    status: row.unknownSince ? ('unknown' as const) : row.state,
    reason: reasonView(row.reasonCode, row.reason),
    reportedStatus: row.reportedState === 'pending' ? null : row.reportedState,
    channel: row.medium,
  };
}

function reasonView(code: string | null, text: string | null) {
  return code && text ? { code, message: text } : null;
}

function noMessage(): AppError {
  return new AppError('not_found', 'There is no such message.');
}
