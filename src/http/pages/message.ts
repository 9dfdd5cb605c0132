import * as z from 'zod';
import { dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { findMessageWithHistory } from '../../messages/log/list-messages.ts';
import { buildTimeline, type TimelineEvent } from '../../messages/log/timeline.ts';
import { loadGroupPauses, toReason, toStatus } from '../../messages/log/wait-reasons.ts';
import { resend } from '../../messages/recovery/resend.ts';
import type { Message } from '../../messages/settlement/update-messages.ts';
import { type MessageDeps, markAsSent } from '../api/messages.ts';
import { toActor } from '../auth/access.ts';
import { connectionTypes, locationNames, nextAttemptOf, whoOf } from './message-rows.ts';
import { action, type PageInput, page } from './page.ts';
import { reasonText, type Text } from './texts.ts';

export interface MessagePageDeps extends MessageDeps {
  appUrl: string;
}

/** Where what a message waits for, or failed for, is mended. */
const mended: Record<string, 'channels' | 'reconnect' | undefined> = {
  no_channel: 'channels',
  channel_unavailable: 'channels',
  email_unsupported: 'channels',
  media_unsupported: 'channels',
  outside_window: 'channels',
  daily_cap: 'channels',
  reauth_required: 'reconnect',
};

const historyQuery = z.object({ before: z.uuid().optional() });

type Asked = PageInput & { message: Message; query: z.output<typeof historyQuery> };

/** One message of a location, with all that happened to it and what can be done about it. */
export function messagePage(deps: MessagePageDeps) {
  return page({
    path: 'messages/:id',
    about: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'message',
    query: historyQuery,
    show: (input) => show(deps, '', input),
    version: (input) => version(deps, input),
    actions: actionsOf(deps),
  });
}

/** The same, reached from the log over all that somebody reaches. */
export function messagePageOfReach(deps: MessagePageDeps) {
  return page({
    path: 'messages/:id',
    about: 'reach',
    viewers: ['agency', 'operator'],
    view: 'message',
    query: historyQuery,
    show: (input) => show(deps, `/locations/${input.message.locationId}`, input),
    version: (input) => version(deps, input),
    actions: actionsOf(deps),
  });
}

async function show(deps: MessagePageDeps, home: string, { message: { id }, query, text, url, can }: Asked) {
  const message = await findMessageWithHistory(deps.db, id, query.before);
  if (!message) throw new AppError('not_found', 'There is no such message.');
  const types = await connectionTypes(deps.db, [message.connectionId]);
  const waits = await loadGroupPauses(deps, [message]);
  const reason = toReason(message, waits);
  const status = toStatus(message);
  const mend = reason && status !== 'delivered' && status !== 'read' ? mended[reason.code] : undefined;
  const isReach = home !== '';
  return {
    title: text(`log.titles.${message.direction}`, { who: whoOf(message) ?? text('log.nobody') }),
    log: url(isReach ? '/messages' : 'messages'),
    contactLog: message.contactId ? url(`${isReach ? '/' : ''}messages`, { q: message.contactId }) : null,
    locationLink: isReach ? url(home) : null,
    locationName: isReach ? (await locationNames(deps.db, [message]))[message.locationId] : null,
    message,
    status,
    reason: reason ? reasonText(text, reason) : null,
    nextAt: nextAttemptOf(message, reason?.until, dateNow(deps.clock)),
    mendUrl:
      mend === 'channels'
        ? url(isReach ? `${home}/channels` : 'channels')
        : mend === 'reconnect'
          ? `${deps.appUrl}/install`
          : null,
    mendKey: mend ?? null,
    connectionType: types.get(message.connectionId ?? '') ?? null,
    canRetry: can('write') && status === 'failed',
    canDecide: can('write') && status === 'unknown',
    timeline: buildTimeline(message).map((happened) => told(text, happened)),
    older: message.older && url(`${isReach ? '/' : ''}messages/${id}`, { before: message.older }),
    newest: query.before ? url(`${isReach ? '/' : ''}messages/${id}`) : null,
    attachments: message.attachments.map((address) => ({ address, isLink: /^https?:\/\//i.test(address) })),
  };
}

const moods: Partial<Record<TimelineEvent['type'], 'good' | 'bad'>> = {
  delivered: 'good',
  refused: 'bad',
  busy: 'bad',
  unknown: 'bad',
  not_reported: 'bad',
  posted: 'good',
  not_posted: 'bad',
  passed: 'bad',
};

/** A happening in the reader's words. */
function told(text: Text, { at, type: says, state, recipient, why, response: answer, repeats, traceId }: TimelineEvent) {
  const reason = why && reasonText(text, { code: why.code ?? '', message: why.message });
  return {
    at,
    sentence: text(`log.timeline.${says}`, { recipient: recipient ?? '', state: state ? text(`states.${state}`) : '' }),
    mood: says === 'receipt' || says === 'receipt_of' ? (state === 'failed' ? 'bad' : 'good') : (moods[says] ?? ''),
    reason,
    code: why?.code ?? null,
    repeats: repeats > 0 ? text('log.repeats', { count: repeats }) : null,
    // Where the reader's words say less than the far side's own, those are kept beside them.
    answer: [why && why.message !== reason ? why.message : null, answer].filter(Boolean).join('\n') || null,
    traceId,
  };
}

async function version(deps: MessagePageDeps, { message: { id } }: Asked): Promise<string> {
  const row = await deps.db.client.message.findUnique({
    where: { id },
    include: { _count: { select: { attempts: true, receipts: true, reports: true } } },
  });
  const waits = row ? await loadGroupPauses(deps, [row]) : [];
  return JSON.stringify([row?.updatedAt, row?._count, [...waits]]);
}

function actionsOf(deps: MessagePageDeps) {
  return {
    resend: action({
      needs: 'write',
      body: z.object({}),
      async run({ message, access, text }) {
        await resend(deps, message, toActor(access));
        return { notice: text('log.sentAgain') };
      },
    }),
    markSent: action({
      needs: 'write',
      body: z.object({}),
      async run({ message, access, text }) {
        await markAsSent(deps, message, access);
        return { notice: text('log.markedSent') };
      },
    }),
  };
}
