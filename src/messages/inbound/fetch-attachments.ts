import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
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
  if (message.state !== 'pending') return deps.settle({ job });
  try {
    await deps.storeAttachments(message, job.signal);
    await deps.settle({ job });
  } catch (error) {
    if (!isAppError(error)) throw error;
    // A shutdown has interrupted the download, which is no fault of the file.
    if (error.code === 'attachment_unreachable' && job.signal.aborted) {
      return deps.settle({ job, runAgainAt: dateNow(deps.clock) });
    }
    await deps.settleFailure(job, message, error);
  }
}
