import type { Connections } from '../../compose/connections.ts';
import type { Messaging } from '../../compose/messaging.ts';
import type { Connection } from '../../connections/connection.ts';
import { countConnectionSegments } from '../../connections/count-segments.ts';
import { AppError, isAppError } from '../../core/errors.ts';
import type { SegmentCount } from '../../core/sms/split-text.ts';
import { buildTimeline, toEnglishText } from '../../messages/log/timeline.ts';
import { type GroupPauses, toReason, toStatus } from '../../messages/log/wait-reasons.ts';
import type { Message } from '../../messages/model/message.ts';
import { readRoute } from '../../messages/routing/stored-route.ts';
import { type ApiAccess, toActor } from '../auth/access.ts';
import { defineRoute } from './route.ts';
import {
  createPageSchema,
  historyQuery,
  locationParams,
  message,
  messageDetail,
  messageParams,
  messagesQuery,
} from './schemas.ts';

/** Dependencies of {@link markAsSent} and {@link findSegments}. */
export interface MarkAsSentDeps {
  connections: Pick<Connections, 'getConnection'>;
  messaging: Pick<Messaging, 'markSent'>;
}

export interface MessageRouteDeps extends MarkAsSentDeps {
  messaging: Pick<
    Messaging,
    'findMessageWithHistory' | 'findRecipientStates' | 'listMessages' | 'loadGroupPauses' | 'markSent' | 'resend'
  >;
}

/** Defines the endpoints about messages: the log of a location, a message with its timeline, and resending. */
export function createMessageRoutes(deps: MessageRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/messages',
      summary: 'List the messages of a location, newest first',
      permission: 'read',
      scope: 'messages:read',
      params: locationParams,
      query: messagesQuery,
      response: createPageSchema(message),
      async handle({ location, query }) {
        const { cursor: before, ...rest } = query;
        const { items, older } = await deps.messaging.listMessages([location.resourceId], { ...rest, before });
        const waits = await deps.messaging.loadGroupPauses(items);
        return { items: items.map((row) => toMessageView(row, waits)), nextCursor: older };
      },
    }),

    defineRoute({
      method: 'get',
      path: '/messages/:id',
      summary: 'Get a message with every attempt and its timeline',
      permission: 'read',
      scope: 'messages:read',
      params: messageParams,
      query: historyQuery,
      response: messageDetail,
      handle: ({ message: row, query }) => loadDetail(deps, row.id, query.before),
    }),

    defineRoute({
      method: 'post',
      path: '/messages/:id/retry',
      summary: 'Resend a message that failed or whose outcome is unknown',
      permission: 'write',
      scope: 'messages:write',
      params: messageParams,
      response: messageDetail,
      status: 202,
      async handle({ message: row, access }) {
        await deps.messaging.resend(row, toActor(access));
        return loadDetail(deps, row.id);
      },
    }),

    defineRoute({
      method: 'post',
      path: '/messages/:id/mark-sent',
      summary: 'Mark a message with an unknown outcome as sent',
      permission: 'write',
      scope: 'messages:write',
      params: messageParams,
      response: messageDetail,
      status: 202,
      async handle({ message: row, access }) {
        await markAsSent(deps, row, access);
        return loadDetail(deps, row.id);
      },
    }),
  ];
}

/** Records that a user has confirmed a send. @throws AppError `conflict`: the message does not wait for a decision */
export async function markAsSent({ connections, messaging }: MarkAsSentDeps, row: Message, access: ApiAccess): Promise<void> {
  const connection = row.connectionId === null ? null : await findConnection(connections, row.connectionId);
  await messaging.markSent(row, connection?.capabilities ?? null, toActor(access));
}

/** @returns null where it can't be used any more, and therefore reports nothing */
async function findConnection({ getConnection }: MarkAsSentDeps['connections'], id: string): Promise<Connection | null> {
  try {
    return await getConnection(id);
  } catch (error) {
    if (isAppError(error)) return null;
    throw error;
  }
}

/** Counts the segments of an outbound message as its connection sends it. @returns null for one that is no SMS, or has no usable connection */
export async function findSegments(
  { connections }: Pick<MarkAsSentDeps, 'connections'>,
  { direction, connectionId, text, attachments }: Pick<Message, 'direction' | 'connectionId' | 'text' | 'attachments'>,
): Promise<SegmentCount | null> {
  if (direction !== 'outbound' || connectionId === null) return null;
  const connection = await findConnection(connections, connectionId);
  return connection && countConnectionSegments(connection, { text, attachments });
}

async function loadDetail({ messaging, connections }: MessageRouteDeps, id: string, before?: string) {
  const found = await messaging.findMessageWithHistory(id, before);
  if (!found) throw messageNotFound();
  const waits = await messaging.loadGroupPauses([found]);
  return {
    ...toMessageView(found, waits),
    html: found.html,
    segments: await findSegments({ connections }, found),
    recipients: (await messaging.findRecipientStates(found)).map(({ address, state, code, reason }) => ({
      ...{ address, state, reason: toReasonView(code, reason) },
    })),
    attempts: found.attempts.map((attempt) => ({ ...attempt, reason: toReasonView(attempt.code, attempt.reason) })),
    timeline: buildTimeline(found).map((happened) => ({ ...happened, text: toEnglishText(happened) })),
    timelineBefore: found.older,
  };
}

/** Converts a message for the API. @param waits pauses of whole groups, which are the reason why their messages wait */
export function toMessageView(row: Message, waits: GroupPauses = new Map()) {
  const reason = toReason(row, waits);
  return {
    ...row,
    status: toStatus(row),
    reason: reason && { code: reason.code, message: reason.message },
    reportedStatus: row.reportedState === 'pending' ? null : row.reportedState,
    channel: row.messageType,
    route: readRoute(row.route),
    outOfOrder: row.outOfOrderAt !== null,
  };
}

function toReasonView(code: string | null, text: string | null) {
  return code && text ? { code, message: text } : null;
}

function messageNotFound(): AppError {
  return new AppError('not_found', 'This message does not exist.');
}
