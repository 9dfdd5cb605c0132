import type { ChannelContext, SendOutcome } from '../../channels/channel.ts';
import { type DeliverySettings, parseDeliverySettings } from '../../channels/delivery-settings.ts';
import type { Connection } from '../../connections/connect.ts';
import { normalizeAddress } from '../../core/address.ts';
import { maxChars } from '../../core/bounds.ts';
import { dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import {
  computeOutageDelayMs,
  computeRetryDelayMs,
  sendDelaysMs,
  shouldReleaseOrderingKey,
} from '../../core/retry-schedule.ts';
import { sanitizeFields } from '../../core/sanitize.ts';
import type { AccessTokens } from '../../installations/access-token.ts';
import type { Job } from '../../queue/job.ts';
import { type FetchFile, fetchAttachment } from '../../runtime/fetch-file.ts';
import type { HttpClient } from '../../runtime/outbound-http.ts';
import { getReason } from '../model/reasons.ts';
import type { Settle, Settlement } from '../settlement/settle.ts';
import {
  keepPending,
  type LockedMessage,
  type MessagePatch,
  type StoreDeps,
  transitionTo,
  type WorkMessage,
} from '../settlement/update-messages.ts';
import { type AttemptFilter, mayHaveArrived, type StartAttempt, type StartResult } from './attempts.ts';
import { decideNextStep, type NextStep, type Reason } from './next-step.ts';
import { type Route, type RouteDeps, resolveRoute } from './resolve-route.ts';
import { checkSendLimits, refundDailyCap, type SendLimitDeps } from './send-limits.ts';

export interface DeliverDeps extends StoreDeps, RouteDeps, SendLimitDeps {
  /** For user-supplied addresses: guarded. */
  targetHttp: HttpClient;
  fetchFile: FetchFile;
  tokens: AccessTokens;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  findMessage(id: string): Promise<WorkMessage | null>;
  startAttempt: StartAttempt;
  settle: Settle;
  recordSend(channel: string, outcome: SendOutcome['kind'], ms: number): void;
}

const shortDelayMs = 1_000;
/** There is room again every moment; the many that may wait for it must not all ask each time. */
const rateLimitDelayMs = 60_000;
const installTimeoutMs = 24 * 60 * 60 * 1000;

/**
 * Brings one outbound message a step further: sends it once, or finds out why it can't be sent now or at all. What came of it is written
 * in the transaction that ends the job, so a crash at any point repeats a step or finds it done.
 */
export async function deliver(deps: DeliverDeps, job: Job): Promise<void> {
  const message = await deps.findMessage(job.messageId);
  if (!message) return deps.settle({ job });
  // Whatever comes of it is not of what a person may meanwhile have asked for.
  const settle = (settlement: Settlement) => deps.settle({ ...settlement, basedOn: message });
  if (message.state !== 'pending' || message.heldForReviewAt) return settle({ job });

  const route = await prepareSend(deps, message);
  if ('wait' in route) return settle(defer(job, route.wait));
  if ('rejected' in route) {
    const step: NextStep = { do: 'complete', state: 'failed', reason: route.rejected };
    return settle({ job, ...failUnlessMayHaveArrived(message, step, dateNow(deps.clock)) });
  }
  return send({ ...deps, settle }, job, message, route);
}

interface Wait {
  at: Date;
  reason: Reason;
  /** It uses up a wait of the schedule. */
  isRetry?: boolean;
  /** What goes wrong with it alone no longer holds back the contact's later messages. */
  letsOthersPass?: boolean;
  /** When its job is due, where its lane rests until `at`: so it goes on with the lane, also when somebody ends that rest. */
  dueAt?: Date;
}

/** What must hold before anything is sent: the location can be reported for, there is a way, and its limits allow it. */
async function prepareSend(deps: DeliverDeps, message: WorkMessage): Promise<Route | { wait: Wait }> {
  try {
    const [route] = await Promise.all([resolveRoute(deps, message), deps.tokens.requireValidToken(message.locationId)]);
    if ('rejected' in route) return route;
    return (await checkSendLimits(deps, route.connection)) ?? route;
  } catch (error) {
    // What is wrong here is outside of this message. It passes, or somebody mends it; until then the message waits and says why.
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
    const canBePassed = isRetry && shouldReleaseOrderingKey(sendDelaysMs, message.retryCount);
    return { wait: { at: new Date(deps.clock.now() + delayMs), reason, isRetry, letsOthersPass: canBePassed } };
  }
}

function computeWaitMs(deps: DeliverDeps, message: WorkMessage, error: AppError): number {
  const delayMs = computeOutageDelayMs(deps.clock.now() - message.createdAt.getTime(), deps.jitter());
  return error.code === 'highlevel_limit' ? Math.min(delayMs, rateLimitDelayMs) : delayMs;
}

/** An install may be on its way; after a day nobody expects the message any more. */
function isTooLate(deps: DeliverDeps, message: WorkMessage): boolean {
  return deps.clock.now() - message.createdAt.getTime() > installTimeoutMs;
}

async function send(
  deps: DeliverDeps,
  job: Job,
  message: WorkMessage,
  { connection, outbound }: Extract<Route, { connection: Connection }>,
): Promise<void> {
  const { channel } = connection;
  const settings = parseDeliverySettings(connection.config);
  const unknownOutcomePolicy = channel.capabilities.idempotent ? 'resend' : settings.whenUnknown;
  const countedAtMs = deps.clock.now();
  const started = await deps.startAttempt({ messageId: message.id, connectionId: connection.id, unknownOutcomePolicy });
  if (typeof started === 'string') {
    await deps.settle(settleUnstarted(deps, job, connection, started));
    return refundDailyCap(deps, connection, countedAtMs);
  }

  const startedAtMs = deps.clock.now();
  const tools: ChannelContext = {
    http: deps.targetHttp,
    fetchAttachment: (url) => fetchAttachment(deps.fetchFile, url, job.signal),
    clock: deps.clock,
    signal: job.signal,
  };
  const outcome = sanitizeFields(await channel.send(tools, connection, outbound));
  const now = dateNow(deps.clock);
  deps.recordSend(channel.type, outcome.kind, now.getTime() - startedAtMs);

  const step = decideNextStep(outcome, {
    now,
    nextDelayMs: computeNextDelayMs(deps, message, settings, now),
    hasReceipts: channel.capabilities.receipts,
    unknownOutcomePolicy,
  });
  // A far side that drops repeats and refuses this one has taken none; what the connection was before may have led to another.
  const isCertain = outcome.kind === 'rejected' && outcome.isAuthoritative === true && channel.capabilities.idempotent;
  const filter = { excludeId: started.attemptId, ...(isCertain ? { startedBefore: connection.updatedAt } : {}) };
  await deps.settle({
    ...buildSettlement(job, connection, failUnlessMayHaveArrived(message, step, now, filter)),
    attempt: { id: started.attemptId, connectionId: connection.id, outcome },
    contactAddress: contactAddressFrom(message, outbound.to, outcome),
  });
  if (outcome.kind === 'unavailable') await refundDailyCap(deps, connection, countedAtMs);
}

function settleUnstarted(
  deps: DeliverDeps,
  job: Job,
  connection: Connection,
  result: Exclude<StartResult, object>,
): Settlement {
  switch (result) {
    case 'cancelled':
      return { job };
    case 'inbound_in_progress':
      return defer(job, { at: new Date(deps.clock.now() + shortDelayMs), reason: getReason('inbound_in_progress') });
    case 'interrupted':
      return buildSettlement(
        job,
        connection,
        toSettlement({ do: 'hold_for_review', reason: getReason('interrupted') }, dateNow(deps.clock)),
      );
  }
}

/** What follows: not `failed` while an earlier attempt may have arrived, as no status of ours is untrue. */
function failUnlessMayHaveArrived(
  message: WorkMessage,
  step: NextStep,
  now: Date,
  filter: AttemptFilter = {},
): PartialSettlement {
  if (step.do !== 'complete' || step.state !== 'failed') return toSettlement(step, now);
  const [failing, holding] = [toSettlement(step, now), toSettlement({ do: 'hold_for_review', reason: step.reason }, now)];
  let mayHaveReached = false;
  return {
    async beforeWrite(tx) {
      mayHaveReached = await mayHaveArrived(tx, message, filter);
    },
    change: (current) => (mayHaveReached ? holding : failing).change(current),
  };
}

function buildSettlement(job: Job, { id }: Connection, { change, ...others }: PartialSettlement): Settlement {
  return { job, ...others, change: (current) => ({ connectionId: id, ...change(current) }) };
}

/** @returns null when no further try is to be made */
function computeNextDelayMs(deps: DeliverDeps, message: WorkMessage, settings: DeliverySettings, now: Date): number | null {
  if (message.isTest) return null;
  const delayMs = computeRetryDelayMs(sendDelaysMs, message.retryCount, deps.jitter());
  if (delayMs === null || settings.giveUpAfterMinutes === undefined) return delayMs;
  const lastAt = message.createdAt.getTime() + settings.giveUpAfterMinutes * 60_000;
  return now.getTime() + delayMs > lastAt ? null : delayMs;
}

/** What the contact answers from this address belongs into this conversation. */
function contactAddressFrom({ locationId, contactId, isTest }: WorkMessage, to: string, { kind }: SendOutcome) {
  const isAccepted = kind === 'accepted' || kind === 'delivered';
  const { address, kind: addressKind } = normalizeAddress(to);
  // An email to several says of none of them alone whose it is.
  const isSingle = (addressKind !== 'other' || !to.includes('@')) && address.length <= maxChars.address;
  return isAccepted && contactId && !isTest && isSingle ? { locationId, address, contactId } : null;
}

type PartialSettlement = Pick<Settlement, 'runAgainAt' | 'beforeWrite'> & { change: (current: LockedMessage) => MessagePatch };

/** What follows an attempt. A receipt may have moved the message while it was being sent; then only the job is left to end. */
function toSettlement(step: NextStep, now: Date): PartialSettlement {
  switch (step.do) {
    case 'complete':
      return { change: (current) => transitionTo(current, step.state, step.state === 'failed' ? step.reason : undefined) };
    case 'await_receipt':
      return { change: (current) => keepPending(current, getReason('awaiting_receipt'), { nextAttemptAt: null }) };
    case 'hold_for_review':
      return { change: (current) => keepPending(current, step.reason, { heldForReviewAt: now, nextAttemptAt: null }) };
    case 'retry':
      return {
        change: (current) => keepPending(current, step.reason, { nextAttemptAt: step.at, retryCount: current.retryCount + 1 }),
        runAgainAt: (current) => (current.state === 'pending' ? step.at : null),
      };
  }
}

/** Puts a message off, mostly without using up a retry: what it waits for has nothing to do with it. */
function defer(job: Job, { at, reason, isRetry, letsOthersPass = false, dueAt = at }: Wait): Settlement {
  return {
    job,
    letsOthersPass,
    change: (current) =>
      keepPending(current, reason, { nextAttemptAt: at, ...(isRetry ? { retryCount: current.retryCount + 1 } : {}) }),
    runAgainAt: (current) => (current.state === 'pending' ? dueAt : null),
  };
}
