import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { Job } from '../../queue/job.ts';
import { pickContactAddress, type WorkMessage } from '../model/message.ts';
import type { Reason } from '../model/reasons.ts';
import { getReason } from '../model/reasons.ts';
import type { Settle } from '../settlement/settle.ts';
import { dropEcho, dropOwnSend, findOwnSend } from './echo.ts';
import { finishRecordings } from './post-recordings.ts';
import type { PostResult } from './post-to-conversation.ts';
import { clearedWait } from './settle-failure.ts';
import { getFetchDeadline, type StoredAttachments, toFetchJob } from './store-attachments.ts';

export interface PostDeps {
  db: Database;
  clock: Clock;
  providers: readonly Provider[];
  settle: Settle;
  settleFailed(job: Job, message: WorkMessage, reason: Reason): Promise<void>;
  settleFailure(job: Job, message: WorkMessage, error: AppError): Promise<void>;
  findStoredAttachments(message: WorkMessage): Promise<StoredAttachments | null>;
  postRecordings(job: Job, message: WorkMessage): Promise<void>;
  postToConversation(job: Job, message: WorkMessage, provider: Provider, attachments: StoredAttachments): Promise<PostResult>;
}

/** Delay until it is checked again if a running send is the one that a vendor has reported to us. */
const ownSendDelayMs = 2_000;

/** Posts one inbound message into its contact's conversation. A response without a message id means that HighLevel stored no message. */
export async function postMessage(deps: PostDeps, job: Job, message: WorkMessage): Promise<void> {
  const now = dateNow(deps.clock);
  if (message.state === 'delivered' && message.recordingsAddedAt) return deps.postRecordings(job, message);
  if (message.state !== 'pending') return deps.settle({ job });
  if (message.sentExternally) {
    const found = await findOwnSend(deps.db.client, message, now);
    if (found === 'own') return settleOwnSend(deps, job, message);
    if (found === 'pending') return deps.settle({ job, runAgainAt: new Date(now.getTime() + ownSendDelayMs) });
  }
  const provider = deps.providers.find(({ key }) => key === message.providerKey);
  if (!provider) return deps.settleFailed(job, message, getReason('provider_removed'));
  if (pickContactAddress(message) === null) return deps.settleFailed(job, message, getReason('contact_not_named'));
  const attachments = await deps.findStoredAttachments(message);
  // Files are fetched by jobs of their own: while slow files arrive, reports and other replies need these slots.
  if (!attachments) {
    return deps.settle({ job, prerequisiteJob: toFetchJob(message, now), runAgainAt: getFetchDeadline(now) });
  }
  try {
    await settlePosted(deps, job, message, await deps.postToConversation(job, message, provider, attachments));
  } catch (error) {
    if (!isAppError(error)) throw error;
    await deps.settleFailure(job, message, error);
  }
}

function settleOwnSend({ settle }: PostDeps, job: Job, { id }: WorkMessage): Promise<void> {
  return settle({
    job,
    async beforeWrite(tx) {
      await dropOwnSend(tx, id);
      return undefined;
    },
  });
}

function settlePosted({ settle, clock }: PostDeps, job: Job, message: WorkMessage, posted: PostResult): Promise<void> {
  const { response, highlevelMessageId, conversationId, emailMessageId, contactId } = posted;
  const { locationId } = message;
  const address = pickContactAddress(message);
  return settle({
    job,
    beforeWrite: async (tx) => ({
      ...(message.callStatus === null ? {} : await finishRecordings(tx, message, clock)),
      ...((await dropEcho(tx, locationId, highlevelMessageId)) ? { patch: { highlevelMessageId } } : {}),
    }),
    change: () => ({ ...clearedWait, state: 'delivered', conversationId, emailMessageId }),
    report: { state: 'delivered', response, error: null },
    contactAddress: address ? { locationId, address, contactId } : null,
  });
}
