import type { ChannelContext, SendOutcome } from '../channels/channel.ts';
import { type DeliverySettings, parseDeliverySettings } from '../channels/delivery-settings.ts';
import type { Connection } from '../connections/connect.ts';
import { normalizeAddress } from '../core/address.ts';
import { maxChars } from '../core/bounds.ts';
import { dateNow } from '../core/clock.ts';
import { type AppError, isAppError } from '../core/errors.ts';
import { computeOutageDelayMs, computeRetryDelayMs, sendDelaysMs, shouldReleaseOrderingKey } from '../core/retry-schedule.ts';
import { sanitizeFields } from '../core/sanitize.ts';
import type { AccessTokens } from '../installations/access-token.ts';
import type { Job } from '../queue/job.ts';
import { type FetchFile, fetchAttachment } from '../runtime/fetch-file.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { type BeginAttempt, type Beginning, mayHaveArrived, type WhichAttempts } from './attempts.ts';
import { giveBack, type LimitDeps, overLimit } from './limits.ts';
import { type NextStep, nextStep, type Reason } from './next-step.ts';
import { reason } from './reasons.ts';
import { type Route, type RouteDeps, routeOf } from './route.ts';
import type { Settle, Settlement } from './settle.ts';
import { type Current, type MessageInHand, movedTo, type Patch, type StoreDeps, stillPending } from './store.ts';

export interface DeliverDeps extends StoreDeps, RouteDeps, LimitDeps {
  /** For user-supplied addresses: guarded. */
  targetHttp: HttpClient;
  fetchFile: FetchFile;
  tokens: AccessTokens;
  /** From 0 (inclusive) to 1, to spread retries. */
  chance: () => number;
  findMessage(id: string): Promise<MessageInHand | null>;
  beginAttempt: BeginAttempt;
  settle: Settle;
  onSent(channel: string, outcome: SendOutcome['kind'], ms: number): void;
}

const soonMs = 1_000;
/** There is room again every moment; the many that may wait for it must not all ask each time. */
const limitWaitMs = 60_000;
const installWaitMs = 24 * 60 * 60 * 1000;

/**
 * Brings one outbound message a step further: sends it once, or finds out why it can't be sent now or at all. What came of it is written
 * in the transaction that ends the job, so a crash at any point repeats a step or finds it done.
 */
export async function deliver(deps: DeliverDeps, job: Job): Promise<void> {
  const message = await deps.findMessage(job.messageId);
  if (!message) return deps.settle({ job });
  // Whatever comes of it is not of what a person may meanwhile have asked for.
  const settle = (settlement: Settlement) => deps.settle({ ...settlement, of: message });
  if (message.state !== 'pending' || message.unknownSince) return settle({ job });

  const way = await findWay(deps, message);
  if ('wait' in way) return settle(putOff(job, way.wait));
  if ('refused' in way) {
    const step: NextStep = { do: 'finish', state: 'failed', reason: way.refused };
    return settle({ job, ...truly(message, step, dateNow(deps.clock)) });
  }
  return send({ ...deps, settle }, job, message, way);
}

interface Wait {
  at: Date;
  why: Reason;
  /** It uses up a wait of the schedule. */
  isRetry?: boolean;
  /** What goes wrong with it alone no longer holds back the contact's later messages. */
  letsOthersPass?: boolean;
  /** When its job is due, where its lane rests until `at`: so it goes on with the lane, also when somebody ends that rest. */
  dueAt?: Date;
}

/** What must hold before anything is sent: the location can be reported for, there is a way, and its limits allow it. */
async function findWay(deps: DeliverDeps, message: MessageInHand): Promise<Route | { wait: Wait }> {
  try {
    const [route] = await Promise.all([routeOf(deps, message), deps.tokens.readyToSend(message.locationId)]);
    if ('refused' in route) return route;
    return (await overLimit(deps, route.connection)) ?? route;
  } catch (error) {
    // What is wrong here is outside of this message. It passes, or somebody mends it; until then the message waits and says why.
    if (!isAppError(error)) throw error;
    if (isAppError(error, 'installation_missing', 'uninstalled') && isTooLate(deps, message)) {
      return { refused: reason('not_installed') };
    }
    const isRetry = error.code === 'highlevel_failed';
    const delayMs = isRetry
      ? computeRetryDelayMs(sendDelaysMs, message.retryCount, deps.chance())
      : (error.retryAfterMs ?? waitMs(deps, message, error));
    if (delayMs === null) return { refused: reason('address_unknown') };
    const why = { code: error.code, message: error.message };
    const passes = isRetry && shouldReleaseOrderingKey(sendDelaysMs, message.retryCount);
    return { wait: { at: new Date(deps.clock.now() + delayMs), why, isRetry, letsOthersPass: passes } };
  }
}

function waitMs(deps: DeliverDeps, message: MessageInHand, error: AppError): number {
  const delayMs = computeOutageDelayMs(deps.clock.now() - message.createdAt.getTime(), deps.chance());
  return error.code === 'highlevel_limit' ? Math.min(delayMs, limitWaitMs) : delayMs;
}

/** An install may be on its way; after a day nobody expects the message any more. */
function isTooLate(deps: DeliverDeps, message: MessageInHand): boolean {
  return deps.clock.now() - message.createdAt.getTime() > installWaitMs;
}

async function send(
  deps: DeliverDeps,
  job: Job,
  message: MessageInHand,
  { connection, outbound }: Extract<Route, { connection: Connection }>,
): Promise<void> {
  const { channel } = connection;
  const settings = parseDeliverySettings(connection.config);
  const whenUnknown = channel.capabilities.idempotent ? 'resend' : settings.whenUnknown;
  const countedMs = deps.clock.now();
  const begun = await deps.beginAttempt({ messageId: message.id, connectionId: connection.id, whenUnknown });
  if (typeof begun === 'string') {
    await deps.settle(notBegun(deps, job, connection, begun));
    return giveBack(deps, connection, countedMs);
  }

  const begunMs = deps.clock.now();
  const tools: ChannelContext = {
    http: deps.targetHttp,
    fetchAttachment: (url) => fetchAttachment(deps.fetchFile, url, job.signal),
    clock: deps.clock,
    signal: job.signal,
  };
  const outcome = sanitizeFields(await channel.send(tools, connection, outbound));
  const now = dateNow(deps.clock);
  deps.onSent(channel.type, outcome.kind, now.getTime() - begunMs);

  const step = nextStep(outcome, {
    now,
    nextDelayMs: nextDelay(deps, message, settings, now),
    receipts: channel.capabilities.receipts,
    whenUnknown,
  });
  // A far side that drops repeats and refuses this one has taken none; what the connection was before may have led to another.
  const isSure = outcome.kind === 'refused' && outcome.isAuthoritative === true && channel.capabilities.idempotent;
  const others = { besides: begun.attempt, ...(isSure ? { before: connection.updatedAt } : {}) };
  await deps.settle({
    ...settlement(job, connection, truly(message, step, now, others)),
    attempt: { id: begun.attempt, connectionId: connection.id, outcome },
    identity: identityIn(message, outbound.to, outcome),
  });
  if (outcome.kind === 'busy') await giveBack(deps, connection, countedMs);
}

function notBegun(deps: DeliverDeps, job: Job, connection: Connection, why: Exclude<Beginning, object>): Settlement {
  switch (why) {
    case 'given up':
      return { job };
    case 'answer in hand':
      return putOff(job, { at: new Date(deps.clock.now() + soonMs), why: reason('answer_in_hand') });
    case 'interrupted':
      return settlement(job, connection, following({ do: 'ask a person', reason: reason('interrupted') }, dateNow(deps.clock)));
  }
}

/** What follows: not `failed` while an earlier attempt may have arrived, as no status of ours is untrue. */
function truly(message: MessageInHand, step: NextStep, now: Date, which: WhichAttempts = {}): Following {
  if (step.do !== 'finish' || step.state !== 'failed') return following(step, now);
  const [failed, asked] = [following(step, now), following({ do: 'ask a person', reason: step.reason }, now)];
  let mayHave = false;
  return {
    async before(tx) {
      mayHave = await mayHaveArrived(tx, message, which);
    },
    change: (current) => (mayHave ? asked : failed).change(current),
  };
}

function settlement(job: Job, { id }: Connection, { change, ...rest }: Following): Settlement {
  return { job, ...rest, change: (current) => ({ connectionId: id, ...change(current) }) };
}

/** @returns null when no further try is to be made */
function nextDelay(deps: DeliverDeps, message: MessageInHand, settings: DeliverySettings, now: Date): number | null {
  if (message.isTest) return null;
  const delayMs = computeRetryDelayMs(sendDelaysMs, message.retryCount, deps.chance());
  if (delayMs === null || settings.giveUpAfterMinutes === undefined) return delayMs;
  const lastAt = message.createdAt.getTime() + settings.giveUpAfterMinutes * 60_000;
  return now.getTime() + delayMs > lastAt ? null : delayMs;
}

/** What the contact answers from this address belongs into this conversation. */
function identityIn({ locationId, contactId, isTest }: MessageInHand, to: string, { kind }: SendOutcome) {
  const isTaken = kind === 'accepted' || kind === 'delivered';
  const { address, kind: addressKind } = normalizeAddress(to);
  // An email to several says of none of them alone whose it is.
  const isOne = (addressKind !== 'other' || !to.includes('@')) && address.length <= maxChars.address;
  return isTaken && contactId && !isTest && isOne ? { locationId, address, contactId } : null;
}

type Following = Pick<Settlement, 'again' | 'before'> & { change: (current: Current) => Patch };

/** What follows an attempt. A receipt may have moved the message while it was being sent; then only the job is left to end. */
function following(step: NextStep, now: Date): Following {
  switch (step.do) {
    case 'finish':
      return { change: (current) => movedTo(current, step.state, step.state === 'failed' ? step.reason : undefined) };
    case 'wait for a receipt':
      return { change: (current) => stillPending(current, reason('awaiting_receipt'), { nextAttemptAt: null }) };
    case 'ask a person':
      return { change: (current) => stillPending(current, step.reason, { unknownSince: now, nextAttemptAt: null }) };
    case 'send again':
      return {
        change: (current) => stillPending(current, step.reason, { nextAttemptAt: step.at, retryCount: current.retryCount + 1 }),
        again: (current) => (current.state === 'pending' ? step.at : null),
      };
  }
}

/** Puts a message off, mostly without using up a retry: what it waits for has nothing to do with it. */
function putOff(job: Job, { at, why, isRetry, letsOthersPass = false, dueAt = at }: Wait): Settlement {
  return {
    job,
    letsOthersPass,
    change: (current) =>
      stillPending(current, why, { nextAttemptAt: at, ...(isRetry ? { retryCount: current.retryCount + 1 } : {}) }),
    again: (current) => (current.state === 'pending' ? dueAt : null),
  };
}
