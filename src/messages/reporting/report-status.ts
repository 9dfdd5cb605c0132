import { dateNow } from '../../core/clock.ts';
import { type AppError, type ErrorCode, isAppError } from '../../core/errors.ts';
import { computeBackoffMs, computeRetryDelayMs, sendDelaysMs, tooEarlyDelaysMs } from '../../core/retry-schedule.ts';
import type { Executor } from '../../database/client.ts';
import { findResponse, type HighLevel, type HighLevelResponse } from '../../highlevel/client.ts';
import { updateEmailStatus, updateMessageStatus } from '../../highlevel/messages.ts';
import type { Job } from '../../queue/job.ts';
import type { WorkMessage } from '../model/message.ts';
import type { StoreDeps } from '../model/message-jobs.ts';
import { getReason, getReasonType } from '../model/reasons.ts';
import type { LockedMessage } from '../model/transitions.ts';
import type { Settle } from '../settlement/settle.ts';
import { type EmailStatusUpdate, getEmailStatusUpdate } from './report-email.ts';

export interface ReportDeps extends StoreDeps {
  highLevel: HighLevel;
  settle: Settle;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
}

/**
 * Tells HighLevel the newest state of a message, if it does not have it yet. States that came close together are one call; `pending`
 * alone is never reported. Nothing that HighLevel answers here changes the message's own state.
 */
export async function reportStatus(deps: ReportDeps, job: Job, message: WorkMessage): Promise<void> {
  if (message.messageType === 'email' && message.emailMessageId) {
    return reportEmail(deps, job, message, message.emailMessageId, await getEmailStatusUpdate(deps, message));
  }
  const { highlevelMessageId, locationId, providerKey, state } = message;
  if (!highlevelMessageId || state === 'pending' || state === message.reportedState) {
    // What came meanwhile found this job in the queue and asked for no other.
    return deps.settle({ job, runAgainAt: (current) => (current.state === state ? null : dateNow(deps.clock)) });
  }
  const error = state === 'failed' ? toFailure(message) : undefined;
  return sendReport(deps, job, message, () =>
    updateMessageStatus(deps.highLevel, { locationId, providerKey, highlevelMessageId, status: state, error }),
  );
}

async function reportEmail(
  deps: ReportDeps,
  job: Job,
  message: WorkMessage,
  emailMessageId: string,
  update: EmailStatusUpdate,
): Promise<void> {
  const { locationId, providerKey, state } = message;
  if (update.isUnchanged || !message.highlevelMessageId) {
    let hasNewer = false;
    const beforeWrite = async (tx: Executor) => {
      hasNewer = await update.markReported(tx, false);
      return undefined;
    };
    return deps.settle({
      job,
      beforeWrite,
      runAgainAt: (current) => (hasNewer || current.state !== state ? dateNow(deps.clock) : null),
    });
  }
  const { recipients } = update;
  return sendReport(
    deps,
    job,
    message,
    () => updateEmailStatus(deps.highLevel, { locationId, providerKey, emailMessageId, status: state, recipients }),
    update,
  );
}

async function sendReport(
  deps: ReportDeps,
  job: Job,
  message: WorkMessage,
  call: () => Promise<HighLevelResponse>,
  update?: EmailStatusUpdate,
): Promise<void> {
  const { state } = message;
  const now = deps.clock.now();
  const reportableAt = message.createdAt.getTime() + deps.reportDelay.currentMs();
  // A message of the future was stored before a clock was set back; it is no reason to wait until then.
  if (now >= message.createdAt.getTime() && now < reportableAt) return deps.settle({ job, runAgainAt: new Date(reportableAt) });

  let hasNewer = false;
  const beforeWrite = (accepted: boolean) => async (tx: Executor) => {
    hasNewer = (await update?.markReported(tx, accepted)) ?? false;
    return undefined;
  };
  // What came meanwhile found this job in the queue and asked for no other.
  const runAgainAt = (at: Date | null) => (current: LockedMessage) =>
    current.state === state && !hasNewer ? at : new Date(deps.clock.now());
  try {
    const response = await call();
    if (message.reportRetryCount === 0) deps.reportDelay.recordAccepted(now - message.createdAt.getTime());
    await deps.settle({
      job,
      report: { state, response, error: null },
      ...(update ? { beforeWrite: beforeWrite(true) } : {}),
      change: (current) => ({
        reportedState: state,
        reportRetryCount: 0,
        ...(isSettled(current) && current.reasonCode === 'highlevel_forbidden' ? { reasonCode: null, reason: null } : {}),
      }),
      runAgainAt: runAgainAt(null),
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    const at = await computeRetryAt(deps, message, error);
    const isForbidden = isAppError(error, 'highlevel_forbidden');
    const reason = isForbidden ? { code: error.code, message: error.message } : getReason('unknown_to_highlevel');
    const answer = findResponse(error);
    // A call that was not made leaves no trace and is no try.
    const wasSent = !isForbidden || answer !== null;
    await deps.settle({
      job,
      ...(wasSent ? { report: { state, response: answer, error } } : {}),
      ...(update ? { beforeWrite: beforeWrite(false) } : {}),
      change: (current) => ({
        reportRetryCount: current.reportRetryCount + (wasSent ? 1 : 0),
        // What failed, or still waits, says why.
        ...((at === null || isForbidden) && isSettled(current) && current.state === state
          ? { reasonCode: reason.code, reason: reason.message }
          : {}),
      }),
      runAgainAt: runAgainAt(at),
    });
  }
}

/** Whether a message stands where it should, so that a reason beside it is of its report alone. */
function isSettled({ state }: Pick<LockedMessage, 'state'>): boolean {
  return state === 'delivered' || state === 'read';
}

/** @returns null when no further try can help */
async function computeRetryAt(deps: ReportDeps, message: WorkMessage, error: AppError): Promise<Date | null> {
  const now = deps.clock.now();
  const after = (ms: number | null) => (ms === null ? null : new Date(now + ms));
  const schedule = retrySchedules[error.code];
  if (schedule) {
    if (error.code === 'highlevel_too_early') deps.reportDelay.recordTooEarly(now - message.createdAt.getTime());
    return after(computeRetryDelayMs(schedule, await countSameResponses(deps, message, error), deps.jitter()));
  }
  if (error.retry === 'never') return null;
  return after(error.retryAfterMs ?? computeBackoffMs(message.reportRetryCount, deps.jitter()));
}

/** What is not tried for ever. HighLevel answers some wrong requests with a 500 each time (platform.md 4.1). */
const retrySchedules: Partial<Record<ErrorCode, readonly number[]>> = {
  highlevel_too_early: tooEarlyDelaysMs,
  highlevel_failed: sendDelaysMs,
};

/** How often this news was told and answered in this way: an outage, or what was told before, uses up no schedule. */
async function countSameResponses({ db }: ReportDeps, { id, state, resentAt }: WorkMessage, error: AppError): Promise<number> {
  const { reportAttempt: report } = db.client;
  const lastAccepted = await report.findFirst({ where: { messageId: id, accepted: true }, orderBy: { attemptedAt: 'desc' } });
  const since = new Date(Math.max(resentAt?.getTime() ?? 0, lastAccepted?.attemptedAt.getTime() ?? 0));
  const httpStatus = findResponse(error)?.status ?? null;
  return report.count({ where: { messageId: id, state, accepted: false, httpStatus, attemptedAt: { gte: since } } });
}

/** HighLevel takes a failure only with all three, as strings (platform.md 4.1). */
function toFailure(message: WorkMessage) {
  const code = message.reasonCode ?? 'failed';
  return { code, type: getReasonType(code), message: message.reason ?? 'The message was not delivered.' };
}
