import { dateNow } from '../core/clock.ts';
import { type AppError, type ErrorCode, isAppError } from '../core/errors.ts';
import { computeBackoffMs, computeRetryDelayMs, sendDelaysMs, tooEarlyDelaysMs } from '../core/retry-schedule.ts';
import type { Executor } from '../database/client.ts';
import { answerBehind, type HighLevel, type HighLevelAnswer } from '../highlevel/client.ts';
import { updateEmailStatus, updateMessageStatus } from '../highlevel/messages.ts';
import type { Job } from '../queue/job.ts';
import { reason, reasonType } from './reasons.ts';
import { type EmailNews, emailNews } from './report-email.ts';
import type { Settle } from './settle.ts';
import type { Current, MessageInHand, StoreDeps } from './store.ts';

export interface ReportDeps extends StoreDeps {
  highLevel: HighLevel;
  settle: Settle;
  /** From 0 (inclusive) to 1, to spread retries. */
  chance: () => number;
}

/**
 * Tells HighLevel the newest state of a message, if it does not have it yet. States that came close together are one call; `pending`
 * alone is never reported. Nothing that HighLevel answers here changes the message's own state.
 */
export async function report(deps: ReportDeps, job: Job, message: MessageInHand): Promise<void> {
  if (message.medium === 'email' && message.emailMessageId) {
    return reportEmail(deps, job, message, message.emailMessageId, await emailNews(deps, message));
  }
  const { highlevelMessageId, locationId, providerKey, state } = message;
  if (!highlevelMessageId || state === 'pending' || state === message.reportedState) {
    // What came meanwhile found this job in the queue and asked for no other.
    return deps.settle({ job, again: (current) => (current.state === state ? null : dateNow(deps.clock)) });
  }
  const error = state === 'failed' ? failureOf(message) : undefined;
  return tell(deps, job, message, () =>
    updateMessageStatus(deps.highLevel, { locationId, providerKey, highlevelMessageId, status: state, error }),
  );
}

async function reportEmail(
  deps: ReportDeps,
  job: Job,
  message: MessageInHand,
  emailMessageId: string,
  news: EmailNews,
): Promise<void> {
  const { locationId, providerKey, state } = message;
  if (news.isKnown || !message.highlevelMessageId) {
    let isMore = false;
    const before = async (tx: Executor) => {
      isMore = await news.told(tx, false);
    };
    return deps.settle({
      job,
      before,
      again: (current) => (isMore || current.state !== state ? dateNow(deps.clock) : null),
    });
  }
  const { recipients } = news;
  return tell(
    deps,
    job,
    message,
    () => updateEmailStatus(deps.highLevel, { locationId, providerKey, emailMessageId, status: state, recipients }),
    news,
  );
}

async function tell(
  deps: ReportDeps,
  job: Job,
  message: MessageInHand,
  call: () => Promise<HighLevelAnswer>,
  news?: EmailNews,
): Promise<void> {
  const { state } = message;
  const now = deps.clock.now();
  const knownAt = message.createdAt.getTime() + deps.knownAfter.ms();
  // A message of the future was stored before a clock was set back; it is no reason to wait until then.
  if (now >= message.createdAt.getTime() && now < knownAt) return deps.settle({ job, again: new Date(knownAt) });

  let isMore = false;
  const before = (accepted: boolean) => async (tx: Executor) => {
    isMore = (await news?.told(tx, accepted)) ?? false;
  };
  // What came meanwhile found this job in the queue and asked for no other.
  const again = (at: Date | null) => (current: Current) =>
    current.state === state && !isMore ? at : new Date(deps.clock.now());
  try {
    const answer = await call();
    if (message.reportTries === 0) deps.knownAfter.known(now - message.createdAt.getTime());
    await deps.settle({
      job,
      tried: { state, answer, error: null },
      ...(news ? { before: before(true) } : {}),
      change: (current) => ({
        reportedState: state,
        reportTries: 0,
        ...(isOver(current) && current.reasonCode === 'highlevel_forbidden' ? { reasonCode: null, reason: null } : {}),
      }),
      again: again(null),
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    const at = await whenAgain(deps, message, error);
    const isForbidden = isAppError(error, 'highlevel_forbidden');
    const why = isForbidden ? { code: error.code, message: error.message } : reason('not_known_to_highlevel');
    const answer = answerBehind(error);
    // A call that was not made leaves no trace and is no try.
    const isMade = !isForbidden || answer !== null;
    await deps.settle({
      job,
      ...(isMade ? { tried: { state, answer, error } } : {}),
      ...(news ? { before: before(false) } : {}),
      change: (current) => ({
        reportTries: current.reportTries + (isMade ? 1 : 0),
        // What failed, or still waits, says why.
        ...((at === null || isForbidden) && isOver(current) && current.state === state
          ? { reasonCode: why.code, reason: why.message }
          : {}),
      }),
      again: again(at),
    });
  }
}

/** Whether a message stands where it should, so that a reason beside it is of its report alone. */
function isOver({ state }: Pick<Current, 'state'>): boolean {
  return state === 'delivered' || state === 'read';
}

/** @returns null when no further try can help */
async function whenAgain(deps: ReportDeps, message: MessageInHand, error: AppError): Promise<Date | null> {
  const now = deps.clock.now();
  const after = (ms: number | null) => (ms === null ? null : new Date(now + ms));
  const schedule = schedules[error.code];
  if (schedule) {
    if (error.code === 'highlevel_too_early') deps.knownAfter.tooEarly(now - message.createdAt.getTime());
    return after(computeRetryDelayMs(schedule, await triesAnswered(deps, message, error), deps.chance()));
  }
  if (error.retry === 'never') return null;
  return after(error.retryAfterMs ?? computeBackoffMs(message.reportTries, deps.chance()));
}

/** What is not tried for ever. HighLevel answers some wrong requests with a 500 each time (platform.md 4.1). */
const schedules: Partial<Record<ErrorCode, readonly number[]>> = {
  highlevel_too_early: tooEarlyDelaysMs,
  highlevel_failed: sendDelaysMs,
};

/** How often this news was told and answered in this way: an outage, or what was told before, uses up no schedule. */
async function triesAnswered({ db }: ReportDeps, { id, state, resentAt }: MessageInHand, error: AppError): Promise<number> {
  const { report } = db.client;
  const taken = await report.findFirst({ where: { messageId: id, accepted: true }, orderBy: { triedAt: 'desc' } });
  const since = new Date(Math.max(resentAt?.getTime() ?? 0, taken?.triedAt.getTime() ?? 0));
  const httpStatus = answerBehind(error)?.status ?? null;
  return report.count({ where: { messageId: id, state, accepted: false, httpStatus, triedAt: { gte: since } } });
}

/** HighLevel takes a failure only with all three, as strings (platform.md 4.1). */
function failureOf(message: MessageInHand) {
  const code = message.reasonCode ?? 'failed';
  return { code, type: reasonType(code), message: message.reason ?? 'The message was not delivered.' };
}
