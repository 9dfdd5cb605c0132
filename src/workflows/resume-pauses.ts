import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import { toObject, toText } from '../core/foreign.ts';
import { computeBackoffMs } from '../core/retry-schedule.ts';
import type { Database } from '../database/client.ts';
import { type HighLevel, toLocationOwner } from '../highlevel/client.ts';
import { toHighLevelGroupKey, toWorkflowActionKey } from '../highlevel/group-keys.ts';
import { workflowActionRateLimit } from '../highlevel/rate-limit.ts';
import { toCarrierCode, toReasonClass } from '../messages/model/carrier-codes.ts';
import { isPaused, tryAcquire } from '../queue/rate-limits.ts';
import type { Log } from '../runtime/log.ts';
import { decideOutcome, type SendFacts } from './decide-outcome.ts';
import { type SendOutcomeBranch, sendBranches, type WaitCondition } from './definitions.ts';
import { type ClaimedPause, claimDuePauses, endPause, keepWaiting, retryPause, storeDecision } from './pause-rows.ts';

/** The message of a send, as far as a workflow needs it. */
export interface SentMessage {
  readonly id: string;
  readonly state: 'pending' | 'delivered' | 'read' | 'failed';
  readonly reasonCode: string | null;
  readonly reason: string | null;
  readonly externalId: string | null;
  readonly connectionId: string | null;
  readonly createdAt: Date;
}

export interface ResumeDeps {
  db: Database;
  clock: Clock;
  log: Log;
  jitter: () => number;
  /** A client whose calls are charged to the location's rate limit. */
  highLevel: HighLevel;
  /** Last part of HighLevel's address for it. */
  workflowResumePath: string;
  findSentMessage(locationId: string, highlevelMessageId: string): Promise<SentMessage | null>;
  /** Returns the text of the first message of a contact that was posted since a time; null for none. */
  findReply(locationId: string, contactId: string, since: Date): Promise<string | null>;
  findChannelType(connectionId: string): Promise<string | null>;
}

const deferMs = 1_000;
/** Time for which a workflow that cannot be resumed is tried again. */
const giveUpAfterMs = 3 * 24 * 60 * 60 * 1000;

/**
 * Looks at the workflows that wait for a send, and resumes those whose result is there or whose time is over. The branch is stored before
 * HighLevel is called. A response that is lost is followed by another try: it names the same step and its execution, and a contact whose
 * workflow was never resumed would wait for good.
 *
 * @returns the number of workflows that were resumed
 */
export async function resumePauses(deps: ResumeDeps): Promise<number> {
  const claimed = await claimDuePauses(deps);
  const results = await Promise.all(
    claimed.map((pause) =>
      handlePause(deps, pause).catch((error: unknown) => {
        deps.log.error({ err: error, pauseId: pause.id }, 'a workflow could not be resumed');
        return false;
      }),
    ),
  );
  return results.filter(Boolean).length;
}

async function handlePause(deps: ResumeDeps, pause: ClaimedPause): Promise<boolean> {
  const { db } = deps;
  const { facts, message } = await loadFacts(deps, pause);
  let { outcome, result } = pause;
  if (outcome === null) {
    const decision = decideOutcome(pause.waitFor as WaitCondition, facts);
    if (decision === null) {
      await keepWaiting(db, pause);
      return false;
    }
    if (!(await storeDecision(db, pause, decision))) return false;
    const { outcome: decided, ...details } = decision;
    [outcome, result] = [decided, details];
  }
  return resume(deps, pause, outcome as SendOutcomeBranch, {
    sendId: pause.sendId,
    ...(pause.send.highlevelMessageId === null ? {} : { messageId: pause.send.highlevelMessageId }),
    ...describe(toObject(result), message === null ? null : facts.channelType),
  });
}

async function loadFacts(deps: ResumeDeps, pause: ClaimedPause): Promise<{ facts: SendFacts; message: SentMessage | null }> {
  const { send, locationId, contactId } = pause;
  const message = send.highlevelMessageId ? await deps.findSentMessage(locationId, send.highlevelMessageId) : null;
  const connectionId = message?.connectionId ?? null;
  const facts: SendFacts = {
    send,
    message: message && { ...message, isAccepted: message.externalId !== null || message.reasonCode === 'awaiting_receipt' },
    channelType: connectionId === null ? null : await deps.findChannelType(connectionId),
    reply: message && pause.waitFor === 'reply' ? await deps.findReply(locationId, contactId, message.createdAt) : null,
    isTimedOut: deps.clock.now() >= pause.timeoutAt.getTime(),
  };
  return { facts, message };
}

/** Returns what later steps of the workflow can use, always as text. */
function describe(result: Record<string, unknown>, channelType: string | null): Record<string, string> {
  const [reasonCode, reason, reply] = [toText(result.reasonCode), toText(result.reason), toText(result.reply)];
  return {
    ...(reasonCode === undefined
      ? {}
      : { reasonCode: toCarrierCode(channelType, reasonCode), reasonClass: toReasonClass(channelType, reasonCode) }),
    ...(reason === undefined ? {} : { reason }),
    ...(reply === undefined ? {} : { reply }),
  };
}

async function resume(
  deps: ResumeDeps,
  pause: ClaimedPause,
  outcome: SendOutcomeBranch,
  variables: Readonly<Record<string, string>>,
): Promise<boolean> {
  const { db, clock, log } = deps;
  const { locationId } = pause;
  const canCall =
    !(await isPaused(db, toHighLevelGroupKey(toLocationOwner(locationId)), dateNow(clock))) &&
    (await tryAcquire({ db, clock }, toWorkflowActionKey(locationId), workflowActionRateLimit));
  if (!canCall) {
    await retryPause(db, pause, new Date(clock.now() + deferMs), false);
    return false;
  }
  const branchId = sendBranches[outcome];
  try {
    await deps.highLevel({
      operation: 'resumeAction',
      owner: toLocationOwner(locationId),
      path: { resumePath: deps.workflowResumePath },
      // No source shows where the branch stands in the body: HighLevel finds it at either place.
      body: {
        success: true,
        successMessage: `Send message: ${outcome}`,
        branchId,
        executionResponse: { outcome, ...variables, branchId },
        extras: JSON.parse(pause.extras),
      },
    });
    await endPause(db, pause, dateNow(clock));
    return true;
  } catch (error) {
    if (!isAppError(error)) throw error;
    const ageMs = clock.now() - Math.min(pause.timeoutAt.getTime(), clock.now());
    if (error.code === 'uninstalled' || ageMs > giveUpAfterMs) {
      log.warn({ err: error, locationId, pauseId: pause.id }, 'HighLevel does not resume a workflow');
      await endPause(db, pause, null);
      return false;
    }
    const delayMs = error.retryAfterMs ?? computeBackoffMs(pause.errorCount, deps.jitter());
    await retryPause(db, pause, new Date(clock.now() + delayMs), true);
    return false;
  }
}
