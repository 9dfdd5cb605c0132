import type { Clock } from '../../core/clock.ts';
import { type AppError, type ErrorCode, isAppError } from '../../core/errors.ts';
import {
  attachmentDelaysMs,
  computeBackoffMs,
  computeRetryDelayMs,
  postDelaysMs,
  shouldReleaseOrderingKey,
} from '../../core/retry-schedule.ts';
import { findResponse } from '../../highlevel/client.ts';
import type { Job } from '../../queue/job.ts';
import type { WorkMessage } from '../model/message.ts';
import type { Reason } from '../model/reasons.ts';
import type { LockedMessage, MessagePatch } from '../model/transitions.ts';
import type { Settle } from '../settlement/settle.ts';

export interface SettleFailureDeps {
  clock: Clock;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter(): number;
  settle: Settle;
}

/**
 * Schedules of errors that concern one message alone: HighLevel stores no message or fails at this one, or a file can't be fetched. An
 * outage of HighLevel, which all messages share, has no schedule: it may last.
 */
const retrySchedules: Partial<Record<ErrorCode, readonly number[]>> = {
  highlevel_no_message_id: postDelaysMs,
  highlevel_failed: postDelaysMs,
  attachment_unreachable: attachmentDelaysMs,
};

/** Settles an inbound message after an error: with another try, or as failed when no further try can help. */
export function settleFailure(deps: SettleFailureDeps, job: Job, message: WorkMessage, error: AppError): Promise<void> {
  const reason = { code: error.code, message: [error.message, ...error.details].join(' ') };
  const delayMs = computePostDelayMs(deps, message, error);
  return delayMs === null
    ? settleFailed(deps, job, message, reason, error)
    : settleRetry(deps, job, message, reason, error, new Date(deps.clock.now() + delayMs));
}

/** @returns null when no further try can help */
function computePostDelayMs(deps: SettleFailureDeps, message: WorkMessage, error: AppError): number | null {
  const schedule = retrySchedules[error.code];
  if (schedule) return computeRetryDelayMs(schedule, message.retryCount, deps.jitter());
  if (error.retry === 'never') return null;
  return error.retryAfterMs ?? computeBackoffMs(message.reportRetryCount, deps.jitter());
}

/** Settles an inbound message as failed. @param error the error of a call, if one was made */
export function settleFailed(
  { settle }: Pick<SettleFailureDeps, 'settle'>,
  job: Job,
  message: WorkMessage,
  reason: Reason,
  error: AppError | null = null,
): Promise<void> {
  return settle({
    job,
    change: (current) => ({ ...toPendingPatch(message, current, reason, error), state: 'failed' }),
    ...toReportAttempt(error),
  });
}

function settleRetry(
  { settle }: SettleFailureDeps,
  job: Job,
  message: WorkMessage,
  reason: Reason,
  error: AppError,
  at: Date,
): Promise<void> {
  const schedule = retrySchedules[error.code];
  return settle({
    job,
    runAgainAt: at,
    letsOthersPass: schedule !== undefined && shouldReleaseOrderingKey(schedule, message.retryCount),
    change: (current) => ({
      ...toPendingPatch(message, current, reason, error),
      nextAttemptAt: at,
      reportRetryCount: current.reportRetryCount + 1,
      retryCount: current.retryCount + (schedule ? 1 : 0),
    }),
    ...toReportAttempt(error),
  });
}

function toPendingPatch(message: WorkMessage, current: LockedMessage, reason: Reason, error: AppError | null): MessagePatch {
  // This post, or an earlier one that has not been searched for yet, may have created the message: the next try searches for it.
  const mayExist = message.postStartedAt !== null || isAppError(error, 'highlevel_unreachable', 'highlevel_failed');
  return {
    ...clearedWait,
    reasonCode: reason.code,
    reason: reason.message,
    postStartedAt: mayExist ? current.postStartedAt : null,
  };
}

function toReportAttempt(error: AppError | null) {
  // A call that was not made leaves no trace.
  if (isAppError(error, 'highlevel_forbidden') && !findResponse(error)) return {};
  return error ? { report: { state: null, response: findResponse(error), error } } : {};
}

/** Fields of a message that waits no longer. */
export const clearedWait: MessagePatch = { reasonCode: null, reason: null, nextAttemptAt: null, postStartedAt: null };
