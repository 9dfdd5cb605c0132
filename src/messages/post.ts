import { normalizeAddress } from '../core/address.ts';
import { dateNow } from '../core/clock.ts';
import { type AppError, type ErrorCode, isAppError } from '../core/errors.ts';
import {
  attachmentDelaysMs,
  computeBackoffMs,
  computeRetryDelayMs,
  postDelaysMs,
  shouldReleaseOrderingKey,
} from '../core/retry-schedule.ts';
import { answerBehind, location } from '../highlevel/client.ts';
import { createNamedContact, findOrAddContact, isPhoneRefused } from '../highlevel/contacts.ts';
import type { InboundPost, PostedMessage } from '../highlevel/messages.ts';
import type { Provider } from '../highlevel/providers.ts';
import { highLevelLimit } from '../highlevel/rate-limit.ts';
import type { Job } from '../queue/job.ts';
import { consume, rateLimitKey } from '../queue/rate-limits.ts';
import { dropEcho, dropOwnSend, findOwnSend } from './echo.ts';
import { contactOf, forgetIdentity, rememberContact } from './identities.ts';
import { type InboundTypeDeps, postInbound } from './inbound-types.ts';
import { fetchedBy, fetchJob, findKeptMedia, type KeptMedia, keepMedia } from './keep-media.ts';
import type { Reason } from './next-step.ts';
import { type OfferDeps, offerMedia, withNotes } from './offer-media.ts';
import { postedBefore } from './posted-before.ts';
import { reason } from './reasons.ts';
import type { ReportDeps } from './report.ts';
import { type Current, contactAddressOf, type MessageInHand, type Patch } from './store.ts';
import { threadOf } from './thread.ts';

export interface PostDeps extends ReportDeps, OfferDeps, InboundTypeDeps {
  providers: readonly Provider[];
}

/** Posts one inbound message into its contact's conversation. HighLevel must name the message it made; else nothing was stored. */
export async function post(deps: PostDeps, job: Job, message: MessageInHand): Promise<void> {
  if (message.state !== 'pending') return deps.settle({ job });
  if (message.sentElsewhere) {
    const found = await findOwnSend(deps.db.client, message, dateNow(deps.clock));
    if (found === 'own') return deps.settle({ job, before: (tx) => dropOwnSend(tx, message.id) });
    if (found === 'pending') return deps.settle({ job, again: new Date(deps.clock.now() + ownSendDelayMs) });
  }
  const provider = deps.providers.find(({ key }) => key === message.providerKey);
  if (!provider) return giveUp(deps, job, message, reason('provider_removed'), null);
  if (contactAddressOf(message) === null) return giveUp(deps, job, message, reason('contact_not_named'), null);
  const media = await findKeptMedia(deps, message);
  // Not here: reports and other replies would have no slots while files arrive drop by drop.
  if (!media) {
    const now = dateNow(deps.clock);
    return deps.settle({ job, first: fetchJob(message, now), again: fetchedBy(now) });
  }
  try {
    await finish(deps, job, message, await postOnce(deps, message, provider, media));
  } catch (error) {
    if (!isAppError(error)) throw error;
    await tryLater(deps, job, message, error);
  }
}

/** Fetches and keeps what came with an inbound message; its end lets the message be posted. */
export async function fetchAttachments(deps: PostDeps, job: Job, message: MessageInHand): Promise<void> {
  if (message.state !== 'pending') return deps.settle({ job });
  try {
    await keepMedia(deps, message, job.signal);
    await deps.settle({ job });
  } catch (error) {
    if (!isAppError(error)) throw error;
    // A program that stops has interrupted it; that says nothing of the file.
    if (error.code === 'media_unreachable' && job.signal.aborted) return deps.settle({ job, again: dateNow(deps.clock) });
    await tryLater(deps, job, message, error);
  }
}

function tryLater(deps: PostDeps, job: Job, message: MessageInHand, error: AppError): Promise<void> {
  const why = { code: error.code, message: [error.message, ...error.details].join(' ') };
  const delayMs = delayAfter(deps, message, error);
  return delayMs === null
    ? giveUp(deps, job, message, why, error)
    : tryAgain(deps, job, message, why, error, new Date(deps.clock.now() + delayMs));
}

/** How soon it is looked again whether a send that is under way was told of. */
const ownSendDelayMs = 2_000;

/**
 * Schedules of what goes wrong with one message alone: what HighLevel swallows or fails at, and files that can't be fetched. An outage
 * of HighLevel's own, which all messages share, may last.
 */
const schedules: Partial<Record<ErrorCode, readonly number[]>> = {
  highlevel_stored_nothing: postDelaysMs,
  highlevel_failed: postDelaysMs,
  media_unreachable: attachmentDelaysMs,
};
const contactDoubtedAfter = 2;

interface Posted extends PostedMessage {
  contactId: string;
}

async function postOnce(deps: PostDeps, message: MessageInHand, provider: Provider, media: KeptMedia): Promise<Posted> {
  const { locationId } = message;
  const address = contactAddressOf(message) ?? '';
  // What an earlier try may have left is in the conversation that it was posted to, whosever the address is now.
  const known = (message.postingSince && message.contactId) || (await contactOf(deps.db, locationId, address));
  const first = known ?? (await findContact(deps, message, address));
  let isPosting = false;
  try {
    const body = await bodyOf(deps, message, provider, media, first);
    const before = message.postingSince && (await postedBefore(deps, message, body, message.postingSince));
    if (before) return { ...before, contactId: first };
    isPosting = true;
    return { ...(await postInbound(deps, body)), contactId: first };
  } catch (error) {
    // The contact that we remember may have been deleted or merged; a 500 may be HighLevel's word for that, too (platform.md 6.2).
    const isRefused = isAppError(error, 'highlevel_refused');
    const fails = isPosting && isAppError(error, 'highlevel_failed') && message.retryCount >= contactDoubtedAfter;
    if (!known || !(isRefused || fails)) throw error;
    await forgetIdentity(deps.db, locationId, address);
    const contactId = await findContact(deps, message, address);
    if (contactId === first && !isRefused) throw error;
    const body = await bodyOf(deps, message, provider, media, contactId);
    return { ...(await postInbound(deps, body)), contactId };
  }
}

/** Asks HighLevel whose address it is. The job's slot pays for one call; these are more. */
async function findContact(deps: PostDeps, message: MessageInHand, address: string): Promise<string> {
  const { locationId, name } = message;
  const { kind } = normalizeAddress(address);
  if (kind === 'other') return createByName(deps, message, address, 1);
  try {
    const by = kind === 'email' ? { email: address } : { phone: address };
    const { contactId, calls } = await findOrAddContact(deps.highLevel, { locationId, ...by }, name, message.createdAt);
    await consume(deps, rateLimitKey.highLevel(location(locationId)), highLevelLimit, calls);
    return contactId;
  } catch (error) {
    if (!isPhoneRefused(error)) throw error;
    return createByName(deps, message, address, 2);
  }
}

/** Creates a contact for an address that HighLevel can't hold, and remembers it at once: HighLevel can't find it by the address again. */
async function createByName(deps: PostDeps, message: MessageInHand, address: string, calls: number): Promise<string> {
  const { locationId, name } = message;
  const contactId = await createNamedContact(deps.highLevel, locationId, name ?? address);
  await rememberContact(deps.db, { locationId, address, contactId }, dateNow(deps.clock));
  await consume(deps, rateLimitKey.highLevel(location(locationId)), highLevelLimit, calls);
  return contactId;
}

/** What is posted to a contact; from here on it may stand there. */
async function bodyOf(
  deps: PostDeps,
  message: MessageInHand,
  provider: Provider,
  media: KeptMedia,
  contactId: string,
): Promise<InboundPost> {
  const { locationId } = message;
  const { attachments, notes } = await offerMedia(deps, { locationId, contactId }, media);
  const { text, html } = withNotes(message, notes);
  const emailMessageId = await threadOf(deps.db, message);
  await deps.db.client.message.update({
    where: { id: message.id },
    data: { contactId, postingSince: message.postingSince ?? dateNow(deps.clock) },
  });
  return {
    locationId,
    provider,
    contactId,
    direction: message.sentElsewhere ? 'outbound' : 'inbound',
    externalId: message.externalId ?? message.id,
    from: message.from ?? '',
    to: message.to,
    text,
    html,
    subject: message.subject,
    attachments,
    emailMessageId,
    // What comes late keeps its place in time, also where nothing is known of it but when it was received.
    occurredAt: message.occurredAt ?? (message.passedAt && message.createdAt),
  };
}

/** @returns null when no further try can help */
function delayAfter(deps: PostDeps, message: MessageInHand, error: AppError): number | null {
  const schedule = schedules[error.code];
  if (schedule) return computeRetryDelayMs(schedule, message.retryCount, deps.chance());
  if (error.retry === 'never') return null;
  return error.retryAfterMs ?? computeBackoffMs(message.reportTries, deps.chance());
}

function finish(deps: PostDeps, job: Job, message: MessageInHand, posted: Posted): Promise<void> {
  const { answer, highlevelMessageId, conversationId, emailMessageId } = posted;
  const address = contactAddressOf(message);
  let isFree = true;
  return deps.settle({
    job,
    async before(tx) {
      isFree = await dropEcho(tx, message.locationId, highlevelMessageId);
    },
    change: (current) => ({
      ...settled,
      state: 'delivered',
      conversationId,
      emailMessageId,
      highlevelMessageId: isFree ? highlevelMessageId : current.highlevelMessageId,
    }),
    tried: { state: 'delivered', answer, error: null },
    identity: address ? { locationId: message.locationId, address, contactId: posted.contactId } : null,
  });
}

function giveUp(deps: PostDeps, job: Job, message: MessageInHand, why: Reason, error: AppError | null): Promise<void> {
  return deps.settle({
    job,
    change: (current) => ({ ...unposted(message, current, why, error), state: 'failed' }),
    ...refusalOf(error),
  });
}

function unposted(message: MessageInHand, current: Current, why: Reason, error: AppError | null): Patch {
  // What was posted now, or in an earlier try that nobody has looked for yet, may stand in the conversation: the next try looks.
  const mayStand = message.postingSince !== null || isAppError(error, 'highlevel_unreachable', 'highlevel_failed');
  return { ...settled, reasonCode: why.code, reason: why.message, postingSince: mayStand ? current.postingSince : null };
}

function tryAgain(deps: PostDeps, job: Job, message: MessageInHand, why: Reason, error: AppError, at: Date): Promise<void> {
  const schedule = schedules[error.code];
  return deps.settle({
    job,
    again: at,
    letsOthersPass: schedule !== undefined && shouldReleaseOrderingKey(schedule, message.retryCount),
    change: (current) => ({
      ...unposted(message, current, why, error),
      nextAttemptAt: at,
      reportTries: current.reportTries + 1,
      retryCount: current.retryCount + (schedule ? 1 : 0),
    }),
    ...refusalOf(error),
  });
}

function refusalOf(error: AppError | null) {
  // A call that was not made leaves no trace.
  if (isAppError(error, 'highlevel_forbidden') && !answerBehind(error)) return {};
  return error ? { tried: { state: null, answer: answerBehind(error), error } } : {};
}

/** Nothing is waited for any more. */
const settled: Patch = { reasonCode: null, reason: null, nextAttemptAt: null, postingSince: null };
