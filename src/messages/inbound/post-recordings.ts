import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import { computeBackoffMs, computeRetryDelayMs, postDelaysMs } from '../../core/retry-schedule.ts';
import type { Executor } from '../../database/client.ts';
import { setCallRecordings } from '../../highlevel/calls.ts';
import { findResponse, type HighLevel } from '../../highlevel/client.ts';
import type { Job } from '../../queue/job.ts';
import type { WorkMessage } from '../model/message.ts';
import type { Settle, SettlementDecision } from '../settlement/settlement.ts';
import type { PublishedAttachments } from './attachment-urls.ts';
import { getFetchDeadline, type StoredAttachments, toFetchJob } from './store-attachments.ts';

export interface PostRecordingsDeps {
  clock: Clock;
  jitter(): number;
  settle: Settle;
  createJobClient(): HighLevel;
  findStoredAttachments(message: WorkMessage): Promise<StoredAttachments | null>;
  publishAttachments(
    highLevel: HighLevel,
    owner: { locationId: string; contactId: string },
    stored: StoredAttachments,
  ): Promise<PublishedAttachments>;
}

/**
 * Adds recordings to a call that HighLevel has. The request sets all of them, so a repeat changes no more. A recording that HighLevel
 * refuses leaves the call as it is: the call was logged.
 */
export async function postRecordings(deps: PostRecordingsDeps, job: Job, message: WorkMessage): Promise<void> {
  const { locationId, providerKey, highlevelMessageId, contactId } = message;
  const now = dateNow(deps.clock);
  if (highlevelMessageId === null) return settleRecordings(deps, job, message, null);
  const files = await deps.findStoredAttachments(message);
  if (!files) return deps.settle({ job, prerequisiteJob: toFetchJob(message, now), runAgainAt: getFetchDeadline(now) });
  try {
    const highLevel = deps.createJobClient();
    const { attachments } = await deps.publishAttachments(highLevel, { locationId, contactId: contactId ?? '' }, files);
    if (attachments.length > 0) {
      await setCallRecordings(highLevel, { locationId, providerKey, highlevelMessageId }, attachments);
    }
    await settleRecordings(deps, job, message, null);
  } catch (error) {
    if (!isAppError(error)) throw error;
    await settleRecordings(deps, job, message, error);
  }
}

function settleRecordings(deps: PostRecordingsDeps, job: Job, message: WorkMessage, error: AppError | null): Promise<void> {
  const delayMs = error && computeDelayMs(deps, message, error);
  const report = error ? { report: { state: null, response: findResponse(error), error } } : {};
  if (delayMs !== null) {
    return deps.settle({
      job,
      runAgainAt: new Date(deps.clock.now() + delayMs),
      letsOthersPass: true,
      change: (current) => ({ retryCount: current.retryCount + 1 }),
      ...report,
    });
  }
  return deps.settle({
    job,
    beforeWrite: (tx) => finishRecordings(tx, message, deps.clock),
    change: () => ({ retryCount: 0 }),
    ...report,
  });
}

/** Ends the work on a call's recordings. Those that have come since the job read the call make it run again. */
export async function finishRecordings(
  tx: Executor,
  { id, attachments }: Pick<WorkMessage, 'id' | 'attachments'>,
  clock: Clock,
): Promise<SettlementDecision | undefined> {
  const row = await tx.message.findUnique({ where: { id }, select: { attachments: true, recordingsAddedAt: true } });
  if (!row?.recordingsAddedAt) return undefined;
  if (row.attachments.length > attachments.length) return { runAgainAt: dateNow(clock) };
  await tx.message.update({ where: { id }, data: { recordingsAddedAt: null } });
  return undefined;
}

/** @returns null when no further try can help */
function computeDelayMs({ jitter }: PostRecordingsDeps, { retryCount }: WorkMessage, error: AppError): number | null {
  if (error.retry === 'never') return null;
  if (error.code === 'highlevel_failed') return computeRetryDelayMs(postDelaysMs, retryCount, jitter());
  return error.retryAfterMs ?? computeBackoffMs(retryCount, jitter());
}
