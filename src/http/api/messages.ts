import * as z from 'zod';
import type { Channels } from '../../channels/registry.ts';
import { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import { findMessageWithHistory, type ListMessages } from '../../messages/log/list-messages.ts';
import { buildTimeline, toEnglishText } from '../../messages/log/timeline.ts';
import { type GroupPauses, loadGroupPauses, toReason, toStatus } from '../../messages/log/wait-reasons.ts';
import { markSent, resend } from '../../messages/recovery/resend.ts';
import type { StoreDeps } from '../../messages/model/message-jobs.ts';
import type { Message } from '../../messages/model/message.ts';
import { type Access, toActor } from '../auth/access.ts';
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

export interface MessageDeps extends StoreDeps {
  newId: NewId;
  channels: Channels;
  listMessages: ListMessages;
}

/** Addresses about messages: the log of a location, one message with all that happened to it, and sending it again. */
export function createMessageRoutes(deps: MessageDeps) {
  return [
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/messages',
      summary: 'A location’s messages, newest first',
      permission: 'read',
      params: locationParams,
      query: messagesQuery,
      response: createPageSchema(message),
      async handle({ location, query }) {
        const { cursor, ...rest } = query;
        const before = z.uuid().safeParse(cursor);
        const { items, older } = await deps.listMessages([location.resourceId], { ...rest, before: before.data });
        const waits = await loadGroupPauses(deps, items);
        return { items: items.map((row) => toMessageView(row, waits)), nextCursor: older };
      },
    }),

    defineRoute({
      method: 'get',
      path: '/messages/:id',
      summary: 'One message with every attempt and its timeline',
      permission: 'read',
      params: messageParams,
      query: historyQuery,
      response: messageDetail,
      handle: ({ message: row, query }) => loadDetail(deps, row.id, query.before),
    }),

    defineRoute({
      method: 'post',
      path: '/messages/:id/retry',
      summary: 'Send again what failed, or what nobody knows the fate of',
      permission: 'write',
      params: messageParams,
      response: messageDetail,
      status: 202,
      async handle({ message: row, access }) {
        await resend(deps, row, toActor(access));
        return loadDetail(deps, row.id);
      },
    }),

    defineRoute({
      method: 'post',
      path: '/messages/:id/mark-sent',
      summary: 'Say that a message was sent which nobody knew the fate of',
      permission: 'write',
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

/** A person says that it was sent. @throws AppError `conflict`: nobody has to decide about it */
export async function markAsSent(deps: MessageDeps, row: Message, access: Access): Promise<void> {
  const { client } = deps.db;
  const connection = row.connectionId && (await client.connection.findUnique({ where: { id: row.connectionId } }));
  const hasReceipts = connection ? (deps.channels.get(connection.type)?.capabilities.receipts ?? false) : false;
  await markSent(deps, row, hasReceipts, toActor(access));
}

async function loadDetail(deps: StoreDeps, id: string, before?: string) {
  const found = await findMessageWithHistory(deps.db, id, before);
  if (!found) throw messageNotFound();
  const waits = await loadGroupPauses(deps, [found]);
  return {
    ...toMessageView(found, waits),
    html: found.html,
    attempts: found.attempts.map((attempt) => ({ ...attempt, reason: toReasonView(attempt.code, attempt.reason) })),
    timeline: buildTimeline(found).map((happened) => ({ ...happened, text: toEnglishText(happened) })),
    timelineBefore: found.older,
  };
}

/** A message as the API shows it. @param waits why whole lanes wait: that is why their messages do */
export function toMessageView(row: Message, waits: GroupPauses = new Map()) {
  const reason = toReason(row, waits);
  return {
    ...row,
    status: toStatus(row),
    reason: reason && { code: reason.code, message: reason.message },
    reportedStatus: row.reportedState === 'pending' ? null : row.reportedState,
    channel: row.messageType,
    outOfOrder: row.outOfOrderAt !== null,
  };
}

function toReasonView(code: string | null, text: string | null) {
  return code && text ? { code, message: text } : null;
}

function messageNotFound(): AppError {
  return new AppError('not_found', 'There is no such message.');
}
