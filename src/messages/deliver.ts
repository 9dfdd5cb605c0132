import { type ChannelTools, pacingOf, type SendOutcome } from '../channels/channel.ts';
import { nowOf } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import { nextDelayMs, outageDelayMs, sendDelaysMs } from '../core/retry-schedule.ts';
import type { AccessTokens } from '../installations/access-token.ts';
import type { Connection } from '../installations/connections.ts';
import { paceKey, turnOf } from '../installations/pace.ts';
import type { Job } from '../queue/boss.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { beginAttempt, closeInterruptedAttempts, endAttempt, learnExternalId } from './attempts.ts';
import { mayBeEcho } from './echo.ts';
import { followUp, putOff } from './follow-up.ts';
import { nextStep, type Reason } from './next-step.ts';
import { reason } from './reasons.ts';
import { type Route, type RouteDeps, routeOf } from './route.ts';
import { findMessage, type Message, moveTo, type StoreDeps } from './store.ts';

export interface DeliverDeps extends StoreDeps, RouteDeps {
  /** For user-supplied addresses: guarded. */
  targetHttp: HttpClient;
  tokens: AccessTokens;
  /** From 0 (inclusive) to 1, to spread retries. */
  chance: () => number;
  onSent(channel: string, outcome: SendOutcome['kind'], ms: number): void;
}

type Wait = { at: Date; why: Reason; slotAt?: Date | undefined };

const soonMs = 1_000;
const installWaitMs = 24 * 60 * 60 * 1000;

/**
 * Brings one outbound message a step further: sends it once, or finds out why it can't be sent now or at all. What came of it is
 * recorded in the transaction that settles the job, so a crash at any point repeats a step or finds it done.
 */
export async function deliver(deps: DeliverDeps, job: Job): Promise<void> {
  const message = await findMessage(deps.db, job.messageId);
  if (message?.state !== 'pending' || message.unknownSince) {
    return deps.db.transaction((tx) => job.complete(tx));
  }

  const way = await findWay(deps, message);
  if ('at' in way) {
    return deps.db.transaction((tx) => putOff(tx, job, message, way, nowOf(deps.clock)));
  }
  if ('refused' in way) {
    return deps.db.transaction(async (tx) => {
      await moveTo(deps, tx, message.id, 'failed', way.refused);
      await job.complete(tx);
    });
  }
  return send(deps, job, message, way);
}

/** What must hold before anything is sent: the location can be reported for, there is a way, and it is this message's turn. */
async function findWay(deps: DeliverDeps, message: Message): Promise<Route | Wait> {
  try {
    await deps.tokens.readyToSend(message.locationId);
    if (await mayBeEcho(deps, message)) return { at: soon(deps), why: reason('answer_in_hand') };
    const route = await routeOf(deps, message);
    if ('refused' in route) return route;
    return (await turnToSend(deps, message, route.connection)) ?? route;
  } catch (error) {
    // What is wrong here is outside of this message. It passes, or somebody mends it; until then the message waits and says why.
    if (!isAppError(error)) throw error;
    if (isAppError(error, 'installation_missing', 'uninstalled') && isTooLate(deps, message)) {
      return { refused: reason('not_installed') };
    }
    const delayMs = error.retryAfterMs ?? outageDelayMs(deps.clock.now() - message.createdAt.getTime(), deps.chance());
    return { at: new Date(deps.clock.now() + delayMs), why: { code: error.code, message: error.message } };
  }
}

/** An install may be on its way; after a day nobody expects the message any more. */
function isTooLate(deps: DeliverDeps, message: Message): boolean {
  return deps.clock.now() - message.createdAt.getTime() > installWaitMs;
}

async function turnToSend(deps: DeliverDeps, message: Message, connection: Connection): Promise<Wait | null> {
  const { ratePerSecond } = pacingOf(connection.config);
  if (ratePerSecond === undefined) return null;
  const limit = { intervalMs: 1000 / ratePerSecond, burst: 1 };
  const at = await turnOf(deps, paceKey.connection(connection.id), limit, message.slotAt);
  return at && { at, slotAt: at, why: reason('too_many_in_hand') };
}

async function send(
  deps: DeliverDeps,
  job: Job,
  message: Message,
  { connection, outbound }: Extract<Route, { connection: Connection }>,
): Promise<void> {
  const { channel, config } = connection;
  const whenUnknown = channel.can.dropsRepeats ? 'resend' : 'ask';
  const wasInterrupted = await closeInterruptedAttempts(deps.db, message.id, nowOf(deps.clock));
  if (wasInterrupted && whenUnknown === 'ask') {
    const step = { do: 'ask a person', reason: reason('interrupted') } as const;
    return deps.db.transaction((tx) => followUp(deps, tx, job, message, step, nowOf(deps.clock)));
  }

  const begun = await beginAttempt(deps, message, connection, pacingOf(config).concurrency);
  if (begun === 'given up') return deps.db.transaction((tx) => job.complete(tx));
  if (begun === 'no hand free') {
    const wait = { at: soon(deps), why: reason('too_many_in_hand') };
    return deps.db.transaction((tx) => putOff(tx, job, message, wait, nowOf(deps.clock)));
  }
  const begunMs = deps.clock.now();
  const tools: ChannelTools = { http: deps.targetHttp, clock: deps.clock, signal: job.signal };
  const outcome = await channel.send(tools, connection, outbound);
  const now = nowOf(deps.clock);
  deps.onSent(channel.type, outcome.kind, now.getTime() - begunMs);

  const step = nextStep(outcome, {
    now,
    nextDelayMs: message.isTest ? null : nextDelayMs(sendDelaysMs, message.retryCount, deps.chance()),
    receipts: channel.can.receipts,
    whenUnknown,
  });
  await deps.db.transaction(async (tx) => {
    await endAttempt(tx, begun.attempt, outcome, now);
    if ('externalId' in outcome && outcome.externalId) {
      await learnExternalId(deps, tx, { id: message.id, connectionId: connection.id }, outcome.externalId);
    }
    await followUp(deps, tx, job, message, step, now);
  });
}

function soon(deps: DeliverDeps): Date {
  return new Date(deps.clock.now() + soonMs);
}
