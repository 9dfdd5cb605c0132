import { normalizeAddress } from '../../core/address.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError, isAppError } from '../../core/errors.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Database } from '../../database/client.ts';
import type { HighLevel } from '../../highlevel/client.ts';
import { createNamedContact, findContactByPhone, findOrCreateContact, isPhoneRefused } from '../../highlevel/contacts.ts';
import type { InboundPost, PostedMessage } from '../../highlevel/messages.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { Job } from '../../queue/job.ts';
import { liveWorkersCte } from '../../queue/sql/live-workers.ts';
import { pickContactAddress, type WorkMessage } from '../model/message.ts';
import { appendNotes, type PublishedAttachments } from './attachment-urls.ts';
import { deleteContactAddress, findContactByAddress, storeContactAddress } from './contact-addresses.ts';
import { findEmailThread } from './email-thread.ts';
import type { StoredAttachments } from './store-attachments.ts';

export interface ConversationDeps {
  db: Database;
  clock: Clock;
  /** Creates the HighLevel client of one job, whose slot pays for the first call. */
  createJobClient(): HighLevel;
  publishAttachments(
    highLevel: HighLevel,
    owner: { locationId: string; contactId: string },
    stored: StoredAttachments,
  ): Promise<PublishedAttachments>;
  findPostedMessage(highLevel: HighLevel, message: WorkMessage, post: InboundPost, since: Date): Promise<PostedMessage | null>;
  postInbound(highLevel: HighLevel, post: InboundPost): Promise<PostedMessage>;
}

/** One message that is being posted. */
interface Posting {
  readonly highLevel: HighLevel;
  readonly job: Job;
  readonly message: WorkMessage;
  readonly provider: Provider;
  readonly stored: StoredAttachments;
}

/** A message in its contact's conversation. */
export interface PostResult extends PostedMessage {
  contactId: string;
}

/** Number of failed posts after which the stored contact is looked up again. */
const contactDoubtThreshold = 2;

/**
 * Posts a message into its contact's conversation, unless an earlier post has.
 *
 * @throws AppError as the client; `conflict` when another worker has taken the job over
 */
export async function postToConversation(
  deps: ConversationDeps,
  job: Job,
  message: WorkMessage,
  provider: Provider,
  stored: StoredAttachments,
): Promise<PostResult> {
  const highLevel = deps.createJobClient();
  const posting: Posting = { highLevel, job, message, provider, stored };
  const { locationId } = message;
  const address = pickContactAddress(message) ?? '';
  // An earlier post may have created the message in the conversation it was posted to, even if the address has another contact now.
  const storedContactId =
    (message.postStartedAt && message.contactId) || (await findContactByAddress(deps.db, message, address));
  const contactId = storedContactId ?? (await findContact(deps, posting, address));
  let isPosting = false;
  try {
    const post = await buildInboundPost(deps, posting, contactId);
    const earlierPost =
      message.postStartedAt && (await deps.findPostedMessage(highLevel, message, post, message.postStartedAt));
    if (earlierPost) return { ...earlierPost, contactId };
    isPosting = true;
    return { ...(await deps.postInbound(highLevel, post)), contactId };
  } catch (error) {
    // The stored contact may have been deleted or merged, for which HighLevel may respond with a 500, too (platform.md 6.2).
    const isRejected = isAppError(error, 'highlevel_refused');
    const keepsFailing = isPosting && isAppError(error, 'highlevel_failed') && message.retryCount >= contactDoubtThreshold;
    if (!storedContactId || !(isRejected || keepsFailing)) throw error;
    await deleteContactAddress(deps.db, locationId, address);
    const newContactId = await findContact(deps, posting, address);
    if (newContactId === contactId && !isRejected) throw error;
    const post = await buildInboundPost(deps, posting, newContactId);
    return { ...(await deps.postInbound(highLevel, post)), contactId: newContactId };
  }
}

/** Asks HighLevel for the contact of an address, and creates one if there is none. */
async function findContact(deps: ConversationDeps, { highLevel, message }: Posting, address: string): Promise<string> {
  const { locationId, name, createdAt } = message;
  const { kind } = normalizeAddress(address);
  if (kind !== 'other') {
    const by = kind === 'email' ? { email: address } : { phone: address };
    // HighLevel may have the contact under another spelling of its number, and would create a second one.
    for (const spelling of listPhoneSpellings(address).slice(1)) {
      const contactId = await findContactByPhone(highLevel, locationId, spelling);
      if (contactId) return contactId;
    }
    try {
      return await findOrCreateContact(highLevel, { locationId, ...by }, name, createdAt);
    } catch (error) {
      if (!isPhoneRefused(error)) throw error;
    }
  }
  // HighLevel has no field for such an address and can't find the contact by it again, so its id is stored at once.
  const contactId = await createNamedContact(highLevel, locationId, name ?? address);
  return storeContactAddress(deps.db, { locationId, address, contactId }, dateNow(deps.clock));
}

/** Builds the post for a contact and records that posting has started: from here on HighLevel may have the message. */
async function buildInboundPost(
  { db, clock, publishAttachments }: ConversationDeps,
  { highLevel, job, message, provider, stored }: Posting,
  contactId: string,
): Promise<InboundPost> {
  const { locationId } = message;
  const { attachments, notes } = await publishAttachments(highLevel, { locationId, contactId }, stored);
  const { text, html } = appendNotes(message, notes);
  const emailMessageId = await findEmailThread(db, message);
  await startPost(db, job, contactId, message.postStartedAt ?? dateNow(clock));
  return {
    locationId,
    provider,
    contactId,
    direction: message.sentExternally ? 'outbound' : 'inbound',
    externalId: message.externalId ?? message.id,
    from: message.from ?? '',
    to: message.to,
    // A call has no text in HighLevel.
    text: message.callStatus === null ? text : null,
    html,
    subject: message.subject,
    attachments,
    emailMessageId,
    // A message that others have passed is dated, so that it stands in order; without a time of the vendor's by when we received it.
    occurredAt: message.occurredAt ?? (message.outOfOrderAt && message.createdAt),
    callStatus: message.callStatus,
  };
}

/**
 * Records that a job posts its message, unless its worker was declared dead: the statement of one whose host was cut off may reach the server
 * when another worker has posted the message.
 */
async function startPost({ client }: Database, { messageId, workerId }: Job, contactId: string, at: Date): Promise<void> {
  const count = await client.$executeRawUnsafe(startPostSql, workerId, contactId, at, messageId);
  if (count === 0) throw new AppError('conflict', 'Another worker has taken the job over.');
}

const startPostSql = `
  WITH ${liveWorkersCte('$1::uuid')}
  UPDATE messages SET contact_id = $2, post_started_at = $3 FROM alive WHERE messages.id = $4::uuid`;
