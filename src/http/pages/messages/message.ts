import * as z from 'zod';
import { toAttachmentLabel } from '../../../channels/attachment-ref.ts';
import type { Connections } from '../../../compose/connections.ts';
import type { Messaging } from '../../../compose/messaging.ts';
import { type Clock, dateNow } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { Database } from '../../../database/client.ts';
import { findMessageWithHistory, findRecipientStates } from '../../../messages/log/list-messages.ts';
import { buildTimeline, type TimelineEvent } from '../../../messages/log/timeline.ts';
import { loadGroupPauses, toReason, toStatus } from '../../../messages/log/wait-reasons.ts';
import type { Message } from '../../../messages/model/message.ts';
import { readRoute } from '../../../messages/routing/stored-route.ts';
import { findSegments, type MarkAsSentDeps, markAsSent } from '../../api/messages.ts';
import { toActor } from '../../auth/access.ts';
import { toStepRows } from '../channels/routing.ts';
import { toSegmentsText } from '../channels/segments.ts';
import { defineAction, definePage, type PageInput } from '../framework/page.ts';
import { type Text, toReasonText } from '../framework/texts.ts';
import { findNextAttemptAt, loadConnectionTypes, loadLocationNames, toChannelLabel, toContactLabel } from './rows.ts';

export interface MessagePageDeps extends MarkAsSentDeps {
  db: Database;
  clock: Clock;
  messaging: Pick<Messaging, 'markSent' | 'resend'>;
  connections: Pick<Connections, 'channels' | 'getConnection'>;
  appUrl: string;
}

/** The pages on which the reasons of a failure or wait are fixed. */
const fixTargets: Record<string, 'channels' | 'reconnect' | undefined> = {
  no_channel: 'channels',
  channel_unavailable: 'channels',
  email_unsupported: 'channels',
  attachments_unsupported: 'channels',
  outside_window: 'channels',
  quiet_hours: 'channels',
  daily_cap: 'channels',
  reauth_required: 'reconnect',
};

const historyQuery = z.object({ before: z.uuid().optional() });

type MessagePageInput = PageInput & { message: Message; query: z.output<typeof historyQuery> };

/** Creates the page of one message: its content, timeline and actions. */
export function createMessagePage(deps: MessagePageDeps) {
  return definePage({
    path: 'messages/:id',
    scope: 'location',
    viewers: ['location', 'agency', 'operator'],
    view: 'message',
    query: historyQuery,
    show: (input) => showMessage(deps, '', input),
    version: (input) => getVersion(deps, input),
    actions: createActions(deps),
  });
}

/** Creates the same page for the log of all visible locations. */
export function createAccountMessagePage(deps: MessagePageDeps) {
  return definePage({
    path: 'messages/:id',
    scope: 'account',
    viewers: ['agency', 'operator'],
    view: 'message',
    query: historyQuery,
    show: (input) => showMessage(deps, `/locations/${input.message.locationId}`, input),
    version: (input) => getVersion(deps, input),
    actions: createActions(deps),
  });
}

async function showMessage(
  deps: MessagePageDeps,
  locationPath: string,
  { message: { id }, query, text, url, can }: MessagePageInput,
) {
  const message = await findMessageWithHistory(deps.db, id, query.before);
  if (!message) throw new AppError('not_found', 'There is no such message.');
  const types = await loadConnectionTypes(deps.db, [message.connectionId]);
  const connectionType = types.get(message.connectionId ?? '') ?? null;
  const channel = toChannelLabel(deps.connections.channels, text, connectionType);
  const waits = await loadGroupPauses(deps, [message]);
  const reason = toReason(message, waits);
  const status = toStatus(message);
  const route = readRoute(message.route);
  const segments = await findSegments(deps, message);
  const fix = reason && status !== 'delivered' && status !== 'read' ? fixTargets[reason.code] : undefined;
  const isAccount = locationPath !== '';
  const log = isAccount ? '/messages' : 'messages';
  const fixUrls = { channels: url(isAccount ? `${locationPath}/channels` : 'channels'), reconnect: `${deps.appUrl}/install` };
  return {
    title: text(`log.titles.${message.direction}`, { who: toContactLabel(message) ?? text('log.unknownContact') }),
    log: url(log),
    contactLog: message.contactId ? url(log, { q: message.contactId }) : null,
    locationLink: isAccount ? url(locationPath) : null,
    locationName: isAccount ? (await loadLocationNames(deps.db, [message]))[message.locationId] : null,
    message,
    status,
    reason: reason ? toReasonText(text, reason) : null,
    nextAt: findNextAttemptAt(message, reason?.until, dateNow(deps.clock)),
    fixUrl: fix ? fixUrls[fix] : null,
    fixKey: fix ?? null,
    connectionType,
    channel,
    route: route && {
      chosen: text('routing.message.chosen', {
        connection: route.name ?? toChannelLabel(deps.connections.channels, text, route.type),
        rule: text(`routing.rules.${route.rule}`),
      }),
      steps: toStepRows(text, route.steps),
    },
    canRetry: can('write') && status === 'failed',
    canDecide: can('write') && status === 'unknown',
    recipients: (await findRecipientStates(deps.db, message)).map(({ address, state, code, reason: why }) => ({
      ...{ address, state, why: code && why ? toWhyText(text, { code, message: why }) : null },
    })),
    segments: segments && toSegmentsText(text, segments),
    timeline: buildTimeline(message).map((event) => toTimelineRow(text, channel, event)),
    older: message.older && url(`${log}/${id}`, { before: message.older }),
    newest: query.before ? url(`${log}/${id}`) : null,
    attachments: message.attachments.map((stored) => ({
      address: toAttachmentLabel(stored),
      isLink: /^https?:\/\//i.test(stored),
    })),
  };
}

const tones: Partial<Record<TimelineEvent['type'], 'good' | 'bad'>> = {
  delivered: 'good',
  rejected: 'bad',
  unavailable: 'bad',
  unknown: 'bad',
  not_reported: 'bad',
  posted: 'good',
  not_posted: 'bad',
  no_bounce: 'good',
  no_bounce_of: 'good',
  passed: 'bad',
};

/** Translates an event of the timeline. */
function toTimelineRow(
  text: Text,
  channel: string,
  { at, type, state, recipient, why: cause, response, repeats, traceId }: TimelineEvent,
) {
  const reason = cause && toWhyText(text, { code: cause.code ?? '', message: cause.message });
  return {
    at,
    title: text(`log.timeline.${type}`, { channel, recipient: recipient ?? '', state: state ? text(`states.${state}`) : '' }),
    tone: type === 'receipt' || type === 'receipt_of' ? (state === 'failed' ? 'bad' : 'good') : (tones[type] ?? ''),
    reason,
    code: cause?.code ?? null,
    repeats: repeats > 0 ? text('log.repeats', { count: repeats }) : null,
    // A translated reason may say less than the vendor's own text, so that is shown too.
    response: [cause && cause.message !== reason ? cause.message : null, response].filter(Boolean).join('\n') || null,
    traceId,
  };
}

/** Translates what a state is known from: a reason, or a proof. */
function toWhyText(text: Text, why: { code: string; message: string }): string {
  const key = `log.evidence.${why.code}`;
  return text.has(key) ? text(key) : toReasonText(text, why);
}

async function getVersion(deps: MessagePageDeps, { message: { id } }: MessagePageInput): Promise<string> {
  const row = await deps.db.client.message.findUnique({
    where: { id },
    include: { _count: { select: { attempts: true, receipts: true, reportAttempts: true } } },
  });
  const waits = row ? await loadGroupPauses(deps, [row]) : [];
  return JSON.stringify([row?.updatedAt, row?._count, [...waits]]);
}

function createActions(deps: MessagePageDeps) {
  return {
    resend: defineAction({
      permission: 'write',
      body: z.object({}),
      async run({ message, access, text }) {
        await deps.messaging.resend(message, toActor(access));
        return { notice: text('log.resent') };
      },
    }),
    markSent: defineAction({
      permission: 'write',
      body: z.object({}),
      async run({ message, access, text }) {
        await markAsSent(deps, message, access);
        return { notice: text('log.markedSent') };
      },
    }),
  };
}
