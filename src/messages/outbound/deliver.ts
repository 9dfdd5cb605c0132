import type { OptOutContent, OutboundMessage, SendOutcome } from '../../channels/channel.ts';
import { type DeliverySettings, parseDeliverySettings } from '../../channels/delivery-settings.ts';
import type { Connection } from '../../connections/connection.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import {
  computeOutageDelayMs,
  computeRetryDelayMs,
  sendDelaysMs,
  shouldReleaseOrderingKey,
} from '../../core/retry-schedule.ts';
import { sanitizeFields } from '../../core/sanitize.ts';
import type { Job } from '../../queue/job.ts';
import type { ChargeDecision } from '../billing/charge-send.ts';
import type { WorkMessage } from '../model/message.ts';
import { getReason, type Reason } from '../model/reasons.ts';
import { toLedgerAddresses } from '../opt-outs/find.ts';
import type { Settle, Settlement } from '../settlement/settlement.ts';
import type { StartAttempt, StartResult } from './attempts.ts';
import { type ConfirmDeps, canConfirm, computeConfirmAt } from './confirm-send.ts';
import { toContactAddress, toEndedAttempt } from './ended-attempt.ts';
import { decideNextStep } from './next-step.ts';
import { listKnownIds, prepareAnew, unlessSent } from './proved-send.ts';
import type { Route } from './resolve-route.ts';
import type { LimitDecision } from './send-limits.ts';
import { settleMove, withRecord } from './settle-move.ts';
import { settleStep } from './settle-step.ts';
import { settleUnconfirmed } from './settle-unconfirmed.ts';
import { concludeForReached } from './settled-recipients.ts';
import { type Deferral, toStep } from './to-settlement.ts';

export interface DeliverDeps extends ConfirmDeps {
  clock: Clock;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter(): number;
  loadMessage(id: string): Promise<WorkMessage | null>;
  /** @throws AppError when the message can't be sent now */
  resolveRoute(message: WorkMessage, groupKey: string): Promise<Route>;
  /** Resolves when the location can be reported for. @throws AppError */
  requireValidToken(locationId: string): Promise<void>;
  checkSendLimits(route: SendableRoute): Promise<LimitDecision | null>;
  /** Checks the times again, without counting a send. */
  checkSendTimes(route: SendableRoute): Promise<LimitDecision | null>;
  refundDailyCap(route: SendableRoute, countedAtMs: number): Promise<void>;
  /** Charges the location for the message, where that is set up. @returns null when it may be sent */
  chargeSend(message: WorkMessage): Promise<ChargeDecision | null>;
  startAttempt: StartAttempt;
  settle: Settle;
  holdConnection(connection: Connection, reason: Reason): Promise<void>;
  /** Lets all messages of a connection wait. */
  pauseConnection(connection: Connection, until: Date): Promise<void>;
  recordOptOut(connection: Connection, optOut: OptOutContent): Promise<void>;
  /** Sends through the session that this process has open for a connection. */
  sendThroughSession(connectionId: string, message: OutboundMessage): Promise<SendOutcome>;
  recordSend(channel: string, outcome: SendOutcome['kind'], ms: number): void;
}

type SendableRoute = Extract<Route, { connection: Connection }>;

const shortDelayMs = 1_000;
/** Permits free up continuously; the many messages that may wait for one must not all poll at that rate. */
const rateLimitDelayMs = 60_000;
const installTimeoutMs = 24 * 60 * 60 * 1000;
/** A message that is older than a day follows the schedule also under a limit of the vendor's account, and fails at its end. */
const limitTimeoutMs = 24 * 60 * 60 * 1000;
const maxLimitDelayMs = 2 * 60 * 1000;

/**
 * Makes at most one send attempt for an outbound message. The outcome is committed in the transaction that finishes the job, so a crash
 * at any point repeats a completed step harmlessly.
 */
export async function deliver(deps: DeliverDeps, job: Job): Promise<void> {
  const message = await deps.loadMessage(job.messageId);
  if (!message) return deps.settle({ job });
  if (message.state !== 'pending' || message.heldForReviewAt) return deps.settle({ job, basedOn: message });

  const route = await prepareSend(deps, message, job.groupKey);
  if ('connection' in route) return send(deps, job, message, route);
  if ('move' in route) return deps.settle({ job, basedOn: message, ...settleMove(route.move) });
  const settlement = settleStep(message, toStep(route), { now: dateNow(deps.clock), connectionId: null });
  const record = 'record' in route ? route.record : undefined;
  return deps.settle({
    job,
    basedOn: message,
    ...settlement,
    ...(record ? { beforeWrite: withRecord(settlement, record) } : {}),
  });
}

/**
 * Checks what must hold before a send: the location can be reported for, the message has a route, and its limits allow it. What may change
 * meanwhile and must stop the send is read once more by `startAttempt`.
 */
async function prepareSend(deps: DeliverDeps, message: WorkMessage, groupKey: string): Promise<Route | { wait: Deferral }> {
  try {
    const [route] = await Promise.all([deps.resolveRoute(message, groupKey), deps.requireValidToken(message.locationId)]);
    if (!('connection' in route)) return route;
    return (await deps.checkSendLimits(route)) ?? route;
  } catch (error) {
    // The cause is outside of this message, and ends or is repaired; until then the message waits and shows the reason.
    if (!isAppError(error)) throw error;
    if (isAppError(error, 'installation_missing', 'uninstalled') && isTooLate(deps, message)) {
      return { rejected: getReason('not_installed') };
    }
    const isRetry = error.code === 'highlevel_failed';
    const delayMs = isRetry
      ? computeRetryDelayMs(sendDelaysMs, message.retryCount, deps.jitter())
      : (error.retryAfterMs ?? computeWaitMs(deps, message, error));
    if (delayMs === null) return { rejected: getReason('address_lookup_failed') };
    const reason = { code: error.code, message: error.message };
    const letsOthersPass = isRetry && shouldReleaseOrderingKey(sendDelaysMs, message.retryCount);
    return { wait: { at: new Date(deps.clock.now() + delayMs), reason, isRetry, letsOthersPass } };
  }
}

function computeWaitMs(deps: DeliverDeps, message: WorkMessage, error: AppError): number {
  const delayMs = computeOutageDelayMs(deps.clock.now() - message.createdAt.getTime(), deps.jitter());
  return error.code === 'highlevel_limit' ? Math.min(delayMs, rateLimitDelayMs) : delayMs;
}

/** Returns true when an install may not be awaited any longer: after a day the message is no longer expected. */
function isTooLate(deps: DeliverDeps, message: WorkMessage): boolean {
  return deps.clock.now() - message.createdAt.getTime() > installTimeoutMs;
}

async function send(deps: DeliverDeps, job: Job, message: WorkMessage, route: SendableRoute): Promise<void> {
  const { connection } = route;
  const { idempotent } = connection.capabilities;
  const countedAtMs = deps.clock.now();
  const unsent = await chargeInTime(deps, message, route, countedAtMs);
  if (unsent) {
    const facts = { now: dateNow(deps.clock), connectionId: null };
    await deps.settle({ job, basedOn: message, ...settleStep(message, toStep(unsent), facts) });
    return deps.refundDailyCap(route, countedAtMs);
  }
  const request = {
    messageId: message.id,
    workerId: job.workerId,
    connection,
    acceptedCount: route.outbound.acceptedParts.length,
    addresses: toLedgerAddresses(route.outbound.to),
  };
  let started = await deps.startAttempt({ ...request, unknownOutcomePolicy: idempotent ? 'resend' : 'ask' });
  let settled: Partial<Settlement> | null = null;
  if (started === 'interrupted') {
    const confirmed = await settleUnconfirmed(deps, job, message, route);
    if (confirmed === 'resend') started = await deps.startAttempt({ ...request, unknownOutcomePolicy: 'resend' });
    else settled = confirmed;
  }
  if (typeof started !== 'string') return makeAttempt(deps, job, message, route, { ...started, countedAtMs });
  if (started !== 'taken_over') {
    await deps.settle({ job, basedOn: message, ...(settled ?? settleUnstarted(deps, message, started)) });
  }
  return deps.refundDailyCap(route, countedAtMs);
}

/** Charges a message, and checks the sending times again if that took time. @returns null when it may be sent */
async function chargeInTime(
  deps: DeliverDeps,
  message: WorkMessage,
  route: SendableRoute,
  checkedAtMs: number,
): Promise<ChargeDecision | LimitDecision | null> {
  const uncharged = await deps.chargeSend(message);
  return uncharged ?? (deps.clock.now() > checkedAtMs ? deps.checkSendTimes(route) : null);
}

interface StartedAttempt {
  readonly attemptId: string;
  readonly isOptedOutOfMarketing: boolean;
  readonly countedAtMs: number;
}

/** Sends the message once, under an attempt that is stored already, and settles its outcome. */
async function makeAttempt(
  deps: DeliverDeps,
  job: Job,
  message: WorkMessage,
  route: SendableRoute,
  attempt: StartedAttempt,
): Promise<void> {
  const { connection } = route;
  const outbound = { ...route.outbound, isOptedOutOfMarketing: attempt.isOptedOutOfMarketing };
  const { channel, capabilities } = connection;
  const settings = parseDeliverySettings(connection.config);
  const startedAtMs = deps.clock.now();
  const sent = channel.session?.carriesSends
    ? deps.sendThroughSession(connection.id, outbound)
    : channel.send(deps.createChannelContext(connection, job.signal), outbound);
  const outcome = sanitizeFields(await sent);
  const now = dateNow(deps.clock);
  deps.recordSend(channel.type, outcome.kind, now.getTime() - startedAtMs);

  const nextDelayMs = computeNextDelayMs(deps, message, settings, now);
  const concluded = concludeForReached(outcome, outbound, nextDelayMs === null);
  const step = decideNextStep(concluded, {
    now,
    nextDelayMs,
    limitDelayMs: computeLimitDelayMs(deps, message, now),
    hasReceipts: capabilities.receipts,
    unknownOutcomePolicy: capabilities.idempotent ? 'resend' : settings.whenUnknown,
    isTest: message.isTest,
    confirmAt: canConfirm(connection) ? computeConfirmAt(now.getTime(), now.getTime(), deps.confirmTimeoutMs) : null,
  });
  // An idempotent vendor that rejects this attempt has accepted no earlier one; an earlier config may have led to another vendor.
  const isCertain = outcome.kind === 'rejected' && outcome.isAuthoritative === true && capabilities.idempotent;
  const filter = { excludeId: attempt.attemptId, ...(isCertain ? { startedBefore: connection.updatedAt } : {}) };
  const settlement = settleStep(message, step, { now, connectionId: connection.id }, filter);
  await deps.settle({
    job,
    basedOn: message,
    ...(outcome.kind === 'unknown'
      ? unlessSent(message, { attemptId: attempt.attemptId, knownIds: listKnownIds(outbound, outcome), now }, settlement)
      : settlement),
    attempt: toEndedAttempt(attempt.attemptId, outbound, connection, outcome, concluded),
    contactAddress: toContactAddress(message, outbound.to, outcome),
    prepare: () => recordConsequences(deps, connection, outbound.to, outcome, now),
  });
  if (outcome.kind === 'unavailable' || outcome.kind === 'connection_error') {
    await deps.refundDailyCap(route, attempt.countedAtMs);
  }
}

/** Records what an outcome means beyond its message: for the connection, or for the recipient. */
async function recordConsequences(
  deps: DeliverDeps,
  connection: Connection,
  to: string,
  outcome: SendOutcome,
  now: Date,
): Promise<void> {
  if (outcome.kind === 'connection_error') await deps.holdConnection(connection, outcome);
  if (outcome.kind === 'unavailable' && outcome.isConnectionWide && outcome.retryAfterMs) {
    await deps.pauseConnection(connection, new Date(now.getTime() + outcome.retryAfterMs));
  }
  if (outcome.kind === 'rejected' && outcome.optedOut) {
    const { optedOut: category, code: reason } = outcome;
    await deps.recordOptOut(connection, { address: to, optedOut: true, category, reason });
  }
}

function settleUnstarted(
  { clock }: DeliverDeps,
  message: WorkMessage,
  result: Exclude<StartResult, object | 'taken_over'>,
): Partial<Settlement> {
  const facts = { now: dateNow(clock), connectionId: null };
  switch (result) {
    case 'cancelled':
      return {};
    // It waits again where its group is paused meanwhile, and is prepared anew.
    case 'interrupted':
    case 'route_changed':
      return prepareAnew(facts.now);
    case 'opted_out':
      return settleStep(message, { do: 'complete', state: 'failed', reason: getReason(result) }, facts);
    case 'inbound_in_progress': {
      const at = new Date(clock.now() + shortDelayMs);
      return settleStep(message, { do: 'defer', at, reason: getReason(result) }, facts);
    }
  }
}

/** @returns null when no further attempt is to be made */
function computeNextDelayMs(deps: DeliverDeps, message: WorkMessage, settings: DeliverySettings, now: Date): number | null {
  if (message.isTest) return null;
  const delayMs = computeRetryDelayMs(sendDelaysMs, message.retryCount, deps.jitter());
  if (delayMs === null || settings.giveUpAfterMinutes === undefined) return delayMs;
  const lastAt = message.createdAt.getTime() + settings.giveUpAfterMinutes * 60_000;
  return now.getTime() + delayMs > lastAt ? null : delayMs;
}

/**
 * Computes the delay under a limit of the vendor's account, of which the pause of the connection knows only the next second or so: it grows with the
 * message's age, so that one message that the vendor always throttles does not pause the others all the time.
 *
 * @returns null when the message is too old
 */
function computeLimitDelayMs({ jitter }: DeliverDeps, { createdAt }: WorkMessage, now: Date): number | null {
  const ageMs = now.getTime() - createdAt.getTime();
  return ageMs < limitTimeoutMs ? Math.min(computeOutageDelayMs(ageMs, jitter()), maxLimitDelayMs) : null;
}
