import { normalizeAddress } from '../../core/address.ts';
import { dateNow } from '../../core/clock.ts';
import { type AppError, type ErrorCode, isAppError } from '../../core/errors.ts';
import {
  attachmentDelaysMs,
  computeBackoffMs,
  computeRetryDelayMs,
  postDelaysMs,
  shouldReleaseOrderingKey,
} from '../../core/retry-schedule.ts';
import { findResponse, toLocationOwner } from '../../highlevel/client.ts';
import { createNamedContact, findOrCreateContact, isPhoneRefused } from '../../highlevel/contacts.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import type { InboundPost, PostedMessage } from '../../highlevel/messages.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { highLevelRateLimit } from '../../highlevel/rate-limit.ts';
import type { Job } from '../../queue/job.ts';
import { consume } from '../../queue/rate-limits.ts';
import { pickContactAddress, type WorkMessage } from '../model/message.ts';
import type { Reason } from '../model/reasons.ts';
import { getReason } from '../model/reasons.ts';
import type { LockedMessage, MessagePatch } from '../model/transitions.ts';
import type { ReportDeps } from '../reporting/report-status.ts';
import { appendNotes, type PublishDeps, publishAttachments } from './attachment-urls.ts';
import { deleteContactAddress, findContactByAddress, storeContactAddress } from './contact-addresses.ts';
import { dropEcho, dropOwnSend, findOwnSend } from './echo.ts';
import { findEmailThread } from './email-thread.ts';
import { findPostedMessage } from './find-posted.ts';
import { type InboundTypeDeps, postInbound } from './inbound-types.ts';
import {
  findStoredAttachments,
  getFetchDeadline,
  type StoredAttachments,
  storeAttachments,
  toFetchJob,
} from './store-attachments.ts';

export interface PostDeps extends ReportDeps, PublishDeps, InboundTypeDeps {
  providers: readonly Provider[];
}

/** Posts one inbound message into its contact's conversation. HighLevel must name the message it made; else nothing was stored. */
export async function postMessage(deps: PostDeps, job: Job, message: WorkMessage): Promise<void> {
  if (message.state !== 'pending') return deps.settle({ job });
  if (message.sentExternally) {
    const found = await findOwnSend(deps.db.client, message, dateNow(deps.clock));
    if (found === 'own') return deps.settle({ job, beforeWrite: async (tx) => void (await dropOwnSend(tx, message.id)) });
    if (found === 'pending') return deps.settle({ job, runAgainAt: new Date(deps.clock.now() + ownSendDelayMs) });
  }
  const provider = deps.providers.find(({ key }) => key === message.providerKey);
  if (!provider) return settleFailed(deps, job, message, getReason('provider_removed'), null);
  if (pickContactAddress(message) === null) return settleFailed(deps, job, message, getReason('contact_not_named'), null);
  const media = await findStoredAttachments(deps, message);
  // Not here: reports and other replies would have no slots while files arrive drop by drop.
  if (!media) {
    const now = dateNow(deps.clock);
    return deps.settle({ job, prerequisiteJob: toFetchJob(message, now), runAgainAt: getFetchDeadline(now) });
  }
  try {
    await settlePosted(deps, job, message, await postToConversation(deps, message, provider, media));
  } catch (error) {
    if (!isAppError(error)) throw error;
    await settleFailure(deps, job, message, error);
  }
}

/** Fetches and keeps what came with an inbound message; its end lets the message be posted. */
export async function fetchAttachments(deps: PostDeps, job: Job, message: WorkMessage): Promise<void> {
  if (message.state !== 'pending') return deps.settle({ job });
  try {
    await storeAttachments(deps, message, job.signal);
    await deps.settle({ job });
  } catch (error) {
    if (!isAppError(error)) throw error;
    // A program that stops has interrupted it; that says nothing of the file.
    if (error.code === 'attachment_unreachable' && job.signal.aborted)
      return deps.settle({ job, runAgainAt: dateNow(deps.clock) });
    await settleFailure(deps, job, message, error);
  }
}

function settleFailure(deps: PostDeps, job: Job, message: WorkMessage, error: AppError): Promise<void> {
  const reason = { code: error.code, message: [error.message, ...error.details].join(' ') };
  const delayMs = computePostDelayMs(deps, message, error);
  return delayMs === null
    ? settleFailed(deps, job, message, reason, error)
    : settleRetry(deps, job, message, reason, error, new Date(deps.clock.now() + delayMs));
}

/** How soon it is looked again whether a send that is under way was told of. */
const ownSendDelayMs = 2_000;

/**
 * Schedules of what goes wrong with one message alone: what HighLevel swallows or fails at, and files that can't be fetched. An outage
 * of HighLevel's own, which all messages share, may last.
 */
const retrySchedules: Partial<Record<ErrorCode, readonly number[]>> = {
  highlevel_no_message_id: postDelaysMs,
  highlevel_failed: postDelaysMs,
  attachment_unreachable: attachmentDelaysMs,
};
const contactDoubtThreshold = 2;

interface PostResult extends PostedMessage {
  contactId: string;
}

async function postToConversation(
  deps: PostDeps,
  message: WorkMessage,
  provider: Provider,
  media: StoredAttachments,
): Promise<PostResult> {
  const { locationId } = message;
  const address = pickContactAddress(message) ?? '';
  // What an earlier try may have left is in the conversation that it was posted to, whosever the address is now.
  const storedContactId =
    (message.postStartedAt && message.contactId) || (await findContactByAddress(deps.db, locationId, address));
  const contactId = storedContactId ?? (await findContact(deps, message, address));
  let isPosting = false;
  try {
    const inboundPost = await buildInboundPost(deps, message, provider, media, contactId);
    const earlierPost = message.postStartedAt && (await findPostedMessage(deps, message, inboundPost, message.postStartedAt));
    if (earlierPost) return { ...earlierPost, contactId };
    isPosting = true;
    return { ...(await postInbound(deps, inboundPost)), contactId };
  } catch (error) {
    // The contact that we remember may have been deleted or merged; a 500 may be HighLevel's word for that, too (platform.md 6.2).
    const isRejected = isAppError(error, 'highlevel_refused');
    const keepsFailing = isPosting && isAppError(error, 'highlevel_failed') && message.retryCount >= contactDoubtThreshold;
    if (!storedContactId || !(isRejected || keepsFailing)) throw error;
    await deleteContactAddress(deps.db, locationId, address);
    const newContactId = await findContact(deps, message, address);
    if (newContactId === contactId && !isRejected) throw error;
    const body = await buildInboundPost(deps, message, provider, media, newContactId);
    return { ...(await postInbound(deps, body)), contactId: newContactId };
  }
}

/** Asks HighLevel whose address it is. The job's slot pays for one call; these are more. */
async function findContact(deps: PostDeps, message: WorkMessage, address: string): Promise<string> {
  const { locationId, name } = message;
  const { kind } = normalizeAddress(address);
  if (kind === 'other') return createByName(deps, message, address, 1);
  try {
    const by = kind === 'email' ? { email: address } : { phone: address };
    const { contactId, calls } = await findOrCreateContact(deps.highLevel, { locationId, ...by }, name, message.createdAt);
    await consume(deps, toHighLevelGroupKey(toLocationOwner(locationId)), highLevelRateLimit, calls);
    return contactId;
  } catch (error) {
    if (!isPhoneRefused(error)) throw error;
    return createByName(deps, message, address, 2);
  }
}

/** Creates a contact for an address that HighLevel can't hold, and remembers it at once: HighLevel can't find it by the address again. */
async function createByName(deps: PostDeps, message: WorkMessage, address: string, calls: number): Promise<string> {
  const { locationId, name } = message;
  const contactId = await createNamedContact(deps.highLevel, locationId, name ?? address);
  await storeContactAddress(deps.db, { locationId, address, contactId }, dateNow(deps.clock));
  await consume(deps, toHighLevelGroupKey(toLocationOwner(locationId)), highLevelRateLimit, calls);
  return contactId;
}

/** What is posted to a contact; from here on it may stand there. */
async function buildInboundPost(
  deps: PostDeps,
  message: WorkMessage,
  provider: Provider,
  media: StoredAttachments,
  contactId: string,
): Promise<InboundPost> {
  const { locationId } = message;
  const { attachments, notes } = await publishAttachments(deps, { locationId, contactId }, media);
  const { text, html } = appendNotes(message, notes);
  const emailMessageId = await findEmailThread(deps.db, message);
  await deps.db.client.message.update({
    where: { id: message.id },
    data: { contactId, postStartedAt: message.postStartedAt ?? dateNow(deps.clock) },
  });
  return {
    locationId,
    provider,
    contactId,
    direction: message.sentExternally ? 'outbound' : 'inbound',
    externalId: message.externalId ?? message.id,
    from: message.from ?? '',
    to: message.to,
    text,
    html,
    subject: message.subject,
    attachments,
    emailMessageId,
    // What comes late keeps its place in time, also where nothing is known of it but when it was received.
    occurredAt: message.occurredAt ?? (message.outOfOrderAt && message.createdAt),
  };
}

/** @returns null when no further try can help */
function computePostDelayMs(deps: PostDeps, message: WorkMessage, error: AppError): number | null {
  const schedule = retrySchedules[error.code];
  if (schedule) return computeRetryDelayMs(schedule, message.retryCount, deps.jitter());
  if (error.retry === 'never') return null;
  return error.retryAfterMs ?? computeBackoffMs(message.reportRetryCount, deps.jitter());
}

function settlePosted(deps: PostDeps, job: Job, message: WorkMessage, posted: PostResult): Promise<void> {
  const { response, highlevelMessageId, conversationId, emailMessageId } = posted;
  const address = pickContactAddress(message);
  let isIdUnclaimed = true;
  return deps.settle({
    job,
    async beforeWrite(tx) {
      isIdUnclaimed = await dropEcho(tx, message.locationId, highlevelMessageId);
      return undefined;
    },
    change: (current) => ({
      ...clearedWait,
      state: 'delivered',
      conversationId,
      emailMessageId,
      highlevelMessageId: isIdUnclaimed ? highlevelMessageId : current.highlevelMessageId,
    }),
    report: { state: 'delivered', response, error: null },
    contactAddress: address ? { locationId: message.locationId, address, contactId: posted.contactId } : null,
  });
}

function settleFailed(deps: PostDeps, job: Job, message: WorkMessage, reason: Reason, error: AppError | null): Promise<void> {
  return deps.settle({
    job,
    change: (current) => ({ ...toPendingPatch(message, current, reason, error), state: 'failed' }),
    ...toReportAttempt(error),
  });
}

function toPendingPatch(message: WorkMessage, current: LockedMessage, reason: Reason, error: AppError | null): MessagePatch {
  // What was posted now, or in an earlier try that nobody has looked for yet, may stand in the conversation: the next try looks.
  const mayExist = message.postStartedAt !== null || isAppError(error, 'highlevel_unreachable', 'highlevel_failed');
  return {
    ...clearedWait,
    reasonCode: reason.code,
    reason: reason.message,
    postStartedAt: mayExist ? current.postStartedAt : null,
  };
}

function settleRetry(deps: PostDeps, job: Job, message: WorkMessage, reason: Reason, error: AppError, at: Date): Promise<void> {
  const schedule = retrySchedules[error.code];
  return deps.settle({
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

function toReportAttempt(error: AppError | null) {
  // A call that was not made leaves no trace.
  if (isAppError(error, 'highlevel_forbidden') && !findResponse(error)) return {};
  return error ? { report: { state: null, response: findResponse(error), error } } : {};
}

/** Nothing is waited for any more. */
const clearedWait: MessagePatch = { reasonCode: null, reason: null, nextAttemptAt: null, postStartedAt: null };
