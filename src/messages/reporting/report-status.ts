import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, type ErrorCode, isAppError } from '../../core/errors.ts';
import { computeBackoffMs, computeRetryDelayMs, sendDelaysMs, tooEarlyDelaysMs } from '../../core/retry-schedule.ts';
import type { Database } from '../../database/client.ts';
import { repeatWhileUnavailable } from '../../database/repeat.ts';
import { findResponse, type HighLevel, type HighLevelResponse } from '../../highlevel/client.ts';
import { updateEmailStatus, updateMessageStatus } from '../../highlevel/messages.ts';
import type { Job } from '../../queue/job.ts';
import { toCarrierCode } from '../model/carrier-codes.ts';
import type { WorkMessage } from '../model/message.ts';
import { getReason, getReasonType } from '../model/reasons.ts';
import type { ReportDelay } from '../model/report-delay.ts';
import type { LockedMessage } from '../model/transitions.ts';
import type { Settle, Settlement } from '../settlement/settle.ts';
import { type EmailStatusUpdate, getEmailStatusUpdate } from './report-email.ts';

export interface ReportDeps {
  db: Database;
  clock: Clock;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  reportDelay: ReportDelay;
  highLevel: HighLevel;
  settle: Settle;
  /** Finds the channel type of a connection; null for one that is gone. */
  findChannelType(connectionId: string): Promise<string | null>;
}

/**
 * Reports the current state of a message to HighLevel, unless HighLevel has it already. State changes that came close together are one
 * call; `pending` alone is never reported. No response of HighLevel changes the state of the message.
 */
export async function reportStatus(deps: ReportDeps, job: Job, message: WorkMessage): Promise<void> {
  if (message.messageType === 'email' && message.emailMessageId) {
    return reportEmail(deps, job, message, message.emailMessageId, await getEmailStatusUpdate(deps.db, message));
  }
  const { highlevelMessageId, locationId, providerKey, state } = message;
  if (!highlevelMessageId || state === 'pending' || state === message.reportedState) {
    return deps.settle({ job, runAgainAt: toNextRun(deps.clock, state, null) });
  }
  const error = state === 'failed' ? await toFailure(deps, message) : undefined;
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
    return deps.settle({
      job,
      beforeWrite: async (tx) => ({ runAgainAt: toNextRun(deps.clock, state, null, await update.markReported(tx, false)) }),
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

/** Decides the next run under the lock: a change that came during this report found its job in the queue and added no other. */
function toNextRun(clock: Clock, reportedState: WorkMessage['state'], at: Date | null, hasNewerReceipts = false) {
  return (current: LockedMessage) => (current.state === reportedState && !hasNewerReceipts ? at : dateNow(clock));
}

async function sendReport(
  deps: ReportDeps,
  job: Job,
  message: WorkMessage,
  call: () => Promise<HighLevelResponse>,
  update?: EmailStatusUpdate,
): Promise<void> {
  const { clock, reportDelay } = deps;
  const { state } = message;
  const now = clock.now();
  const reportableAt = message.createdAt.getTime() + reportDelay.currentMs();
  // A message of the future was stored before a clock was set back; it is no reason to wait until then.
  if (now >= message.createdAt.getTime() && now < reportableAt) return deps.settle({ job, runAgainAt: new Date(reportableAt) });

  const settleReport = (isAccepted: boolean, at: Date | null, parts: Pick<Settlement, 'report' | 'change'>) =>
    deps.settle({
      ...parts,
      job,
      runAgainAt: toNextRun(clock, state, at),
      ...(update && {
        beforeWrite: async (tx) => ({ runAgainAt: toNextRun(clock, state, at, await update.markReported(tx, isAccepted)) }),
      }),
    });
  try {
    const response = await call();
    if (message.reportRetryCount === 0) reportDelay.recordAccepted(now - message.createdAt.getTime());
    await settleReport(true, null, {
      report: { state, response, error: null },
      change: (current) => ({
        reportedState: state,
        reportRetryCount: 0,
        ...(hasArrived(current) && current.reasonCode === 'highlevel_forbidden' ? { reasonCode: null, reason: null } : {}),
      }),
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    const at = await computeRetryAt(deps, message, error);
    const isForbidden = isAppError(error, 'highlevel_forbidden');
    const reason = isForbidden ? { code: error.code, message: error.message } : getReason('unknown_to_highlevel');
    const response = findResponse(error);
    // A call that was not made leaves no trace and does not count as a try.
    const wasSent = !isForbidden || response !== null;
    await settleReport(false, at, {
      ...(wasSent ? { report: { state, response, error } } : {}),
      change: (current) => ({
        reportRetryCount: current.reportRetryCount + (wasSent ? 1 : 0),
        // A message that failed, or still waits, has a reason of its own.
        ...((at === null || isForbidden) && hasArrived(current) && current.state === state
          ? { reasonCode: reason.code, reason: reason.message }
          : {}),
      }),
    });
  }
}

/** Returns true for a message that has arrived, so that a reason on it is that of its report alone. */
function hasArrived({ state }: Pick<LockedMessage, 'state'>): boolean {
  return state === 'delivered' || state === 'read';
}

/** @returns null when no further try can help */
async function computeRetryAt(deps: ReportDeps, message: WorkMessage, error: AppError): Promise<Date | null> {
  const now = deps.clock.now();
  const after = (ms: number | null) => (ms === null ? null : new Date(now + ms));
  const schedule = retrySchedules[error.code];
  if (schedule) {
    if (error.code === 'highlevel_too_early') deps.reportDelay.recordTooEarly(now - message.createdAt.getTime());
    const count = await repeatWhileUnavailable(deps.clock, () => countSameResponses(deps, message, error));
    return after(computeRetryDelayMs(schedule, count, deps.jitter()));
  }
  if (error.retry === 'never') return null;
  return after(error.retryAfterMs ?? computeBackoffMs(message.reportRetryCount, deps.jitter()));
}

/** Schedules of errors whose retries end. HighLevel responds to some wrong requests with a 500 each time (platform.md 4.1). */
const retrySchedules: Partial<Record<ErrorCode, readonly number[]>> = {
  highlevel_too_early: tooEarlyDelaysMs,
  highlevel_failed: sendDelaysMs,
};

/** Counts earlier reports of this state with the same response: an outage, or a report of an earlier state, uses up no schedule. */
async function countSameResponses({ db }: ReportDeps, { id, state, resentAt }: WorkMessage, error: AppError): Promise<number> {
  const { reportAttempt: report } = db.client;
  const lastAccepted = await report.findFirst({ where: { messageId: id, accepted: true }, orderBy: { attemptedAt: 'desc' } });
  const since = new Date(Math.max(resentAt?.getTime() ?? 0, lastAccepted?.attemptedAt.getTime() ?? 0));
  const httpStatus = findResponse(error)?.status ?? null;
  return report.count({ where: { messageId: id, state, accepted: false, httpStatus, attemptedAt: { gte: since } } });
}

/**
 * Describes a failure. HighLevel accepts it only with all three fields, as strings (platform.md 4.1). The code of a text message is a
 * carrier's, where one has the same meaning: workflows of agencies know those.
 */
async function toFailure({ findChannelType }: ReportDeps, message: WorkMessage) {
  const code = message.reasonCode ?? 'failed';
  const isText = message.messageType === 'sms';
  const channelType = isText && message.connectionId !== null ? await findChannelType(message.connectionId) : null;
  return {
    code: isText ? toCarrierCode(channelType, code) : code,
    type: getReasonType(code),
    message: message.reason ?? 'The message was not delivered.',
  };
}
