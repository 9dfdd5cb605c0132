import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import { attachmentDelaysMs, computeRetryDelayMs } from '../../core/retry-schedule.ts';
import type { Job } from '../../queue/job.ts';
import type { WorkMessage } from '../model/message.ts';
import type { Settle } from '../settlement/settle.ts';
import type { StoredAttachments } from './store-attachments.ts';

export interface FetchDeps {
  clock: Clock;
  settle: Settle;
  settleFailure(job: Job, message: WorkMessage, error: AppError): Promise<void>;
  storeAttachments(message: WorkMessage, signal: AbortSignal): Promise<StoredAttachments>;
}

/** Fetches and stores the attachments of an inbound message. The end of its job releases the post of the message. */
export async function fetchAttachments(deps: FetchDeps, job: Job, message: WorkMessage): Promise<void> {
  const isLogged = message.state === 'delivered' && message.recordingsAddedAt !== null;
  if (message.state !== 'pending' && !isLogged) return deps.settle({ job });
  try {
    await deps.storeAttachments(message, job.signal);
    await deps.settle({ job });
  } catch (error) {
    if (!isAppError(error)) throw error;
    // A shutdown has interrupted the download, which is no fault of the file.
    if (error.code === 'attachment_unreachable' && job.signal.aborted) {
      return deps.settle({ job, runAgainAt: dateNow(deps.clock) });
    }
    // A call that is logged already stays so; its recording is tried again for some minutes.
    if (isLogged) return settleLateRecording(deps, job, message);
    await deps.settleFailure(job, message, error);
  }
}

/** While the store of files is unavailable. */
const lateRetryDelayMs = 15 * 60 * 1000;

function settleLateRecording({ clock, settle }: FetchDeps, job: Job, { retryCount }: WorkMessage): Promise<void> {
  const delayMs = computeRetryDelayMs(attachmentDelaysMs, retryCount, 0) ?? lateRetryDelayMs;
  return settle({
    job,
    runAgainAt: new Date(clock.now() + delayMs),
    change: (current) => ({ retryCount: current.retryCount + 1 }),
  });
}
