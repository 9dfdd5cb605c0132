import { type Clock, dateNow } from '../core/clock.ts';
import { type AppError, isAppError } from '../core/errors.ts';
import { computeBackoffMs, computeRetryDelayMs } from '../core/retry-schedule.ts';
import type { Database } from '../database/client.ts';
import { type HighLevel, toLocationOwner, wasNotCarriedOut } from '../highlevel/client.ts';
import { toHighLevelGroupKey, toWorkflowActionKey } from '../highlevel/group-keys.ts';
import type { Provider } from '../highlevel/providers.ts';
import { workflowActionRateLimit } from '../highlevel/rate-limit.ts';
import { sendMessage } from '../highlevel/send-message.ts';
import { getReason } from '../messages/model/reasons.ts';
import { isPaused, tryAcquire } from '../queue/rate-limits.ts';
import type { Log } from '../runtime/log.ts';
import type { FoundSend } from './find-posted-send.ts';
import { type ClaimedSend, claimDueSends, endPosted, endUnposted, markPosting, rescheduleSend } from './send-rows.ts';

export interface RunSendsDeps {
  db: Database;
  clock: Clock;
  log: Log;
  jitter: () => number;
  providers: readonly Provider[];
  /** A client whose calls are charged to the location's rate limit. */
  highLevel: HighLevel;
  /** Resolves when the location has a token. @throws AppError */
  requireValidToken(locationId: string): Promise<void>;
  /** Searches what HighLevel has of a request whose response was lost. @throws AppError */
  findPostedSend(send: ClaimedSend): Promise<FoundSend>;
}

const deferMs = 1_000;
/** Delays between searches for the message of a request whose response was lost: HighLevel's list lags. */
const lookUpDelaysMs = [5_000, 15_000, 40_000, 120_000];
/** Time for the delivery webhook to prove a request, where HighLevel's list may not be read. */
const confirmMs = 10 * 60 * 1000;
/** Repeats of a request that HighLevel has certainly not carried out. */
const maxRepeats = 3;
/** Time after which a message is no longer expected. */
const maxAgeMs = 24 * 60 * 60 * 1000;

/**
 * Asks HighLevel to send the messages of workflow actions: then each stands in its conversation, do-not-disturb is checked, and it comes to
 * our Delivery URL as any other. The start of each request is stored before it leaves. A response that is lost is looked up, in what came to
 * the Delivery URL and in HighLevel's list, before the request is repeated.
 *
 * @returns the number of sends that have ended
 */
export async function runSends(deps: RunSendsDeps): Promise<number> {
  const claimed = await claimDueSends(deps);
  const results = await Promise.all(
    claimed.map((send) =>
      runStep(deps, send).catch((error: unknown) => {
        deps.log.error({ err: error, sendId: send.id }, 'the message of a workflow could not be sent');
        return false;
      }),
    ),
  );
  return results.filter(Boolean).length;
}

/** @returns whether the send has ended */
async function runStep(deps: RunSendsDeps, send: ClaimedSend): Promise<boolean> {
  const { db, clock } = deps;
  const now = dateNow(clock);
  if (send.state === 'posting') return lookUp(deps, send);
  if (send.state !== 'reserved') return false;
  const provider = deps.providers.find(({ key }) => key === send.providerKey);
  if (!provider) return refuse(deps, send, getReason('provider_removed'));
  if (now.getTime() - send.createdAt.getTime() > maxAgeMs) {
    return refuse(deps, send, { code: 'expired', message: 'The CRM could not be reached for a day.' });
  }
  if (!(await canCall(deps, send.locationId))) {
    await rescheduleSend(db, send, new Date(clock.now() + deferMs), {});
    return false;
  }
  try {
    await deps.requireValidToken(send.locationId);
    if (!(await markPosting(db, send, dateNow(clock)))) return false;
    const { highlevelMessageId } = await sendMessage(deps.highLevel, { ...send, provider });
    await endPosted(db, send, highlevelMessageId, dateNow(clock));
    return true;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return handleFailure(deps, send, error);
  }
}

async function canCall({ db, clock }: RunSendsDeps, locationId: string): Promise<boolean> {
  if (await isPaused(db, toHighLevelGroupKey(toLocationOwner(locationId)), dateNow(clock))) return false;
  return tryAcquire({ db, clock }, toWorkflowActionKey(locationId), workflowActionRateLimit);
}

async function handleFailure(deps: RunSendsDeps, send: ClaimedSend, error: AppError): Promise<boolean> {
  const { db, clock } = deps;
  const said = { code: error.code, message: [error.message, ...error.details].join(' ') };
  if (error.code === 'highlevel_do_not_disturb') return refuse(deps, send, { ...said, code: 'opted_out' });
  if (!wasNotCarriedOut(error)) {
    const at = new Date(clock.now() + (lookUpDelaysMs[0] ?? 0));
    await rescheduleSend(db, send, at, { reasonCode: said.code, reason: said.message });
    return false;
  }
  if (error.retry === 'never') return refuse(deps, send, said);
  const delayMs = error.retryAfterMs ?? computeBackoffMs(send.errorCount, deps.jitter());
  await rescheduleSend(db, send, new Date(clock.now() + delayMs), {
    ...{ state: 'reserved', errorCount: send.errorCount + 1, reasonCode: said.code, reason: said.message },
  });
  return false;
}

/** Finds out what became of a request without a response, of this process or of one that has died. */
async function lookUp(deps: RunSendsDeps, send: ClaimedSend): Promise<boolean> {
  const { db, clock } = deps;
  const now = dateNow(clock);
  // Its delivery webhook has named it.
  if (send.highlevelMessageId !== null) {
    await endPosted(db, send, send.highlevelMessageId, now);
    return true;
  }
  const waitedMs = now.getTime() - (send.postStartedAt ?? send.createdAt).getTime();
  const nextMs = computeRetryDelayMs(lookUpDelaysMs, send.lookUpCount + 1, deps.jitter());
  const found = await search(deps, send);
  if (typeof found === 'object') {
    await endPosted(db, send, found.highlevelMessageId, now);
    return true;
  }
  if (nextMs !== null) {
    await rescheduleSend(db, send, new Date(clock.now() + nextMs), { lookUpCount: send.lookUpCount + 1 });
    return false;
  }
  if (found === 'absent' && send.errorCount < maxRepeats) {
    await rescheduleSend(db, send, now, { state: 'reserved', errorCount: send.errorCount + 1 });
    return false;
  }
  if (waitedMs < confirmMs) {
    await rescheduleSend(db, send, new Date(now.getTime() + confirmMs - waitedMs), {});
    return false;
  }
  const message = 'The CRM did not respond, and whether it has sent the message could not be found out.';
  await endUnposted(db, send, 'unconfirmed', { code: 'unconfirmed', message }, now);
  return true;
}

async function search({ findPostedSend, log }: RunSendsDeps, send: ClaimedSend): Promise<FoundSend> {
  try {
    return await findPostedSend(send);
  } catch (error) {
    if (!isAppError(error)) throw error;
    log.warn({ err: error, sendId: send.id }, 'a message of a workflow could not be looked up');
    return 'unknown';
  }
}

async function refuse(
  { db, clock }: RunSendsDeps,
  send: ClaimedSend,
  reason: { code: string; message: string },
): Promise<boolean> {
  await endUnposted(db, send, 'refused', reason, dateNow(clock));
  return true;
}
