import { isAppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import { type HighLevel, maxClockSkewMs, toLocationOwner } from '../../highlevel/client.ts';
import { listMessages } from '../../highlevel/message-list.ts';
import type { InboundPost, PostedMessage } from '../../highlevel/messages.ts';
import { operations } from '../../highlevel/operations.ts';
import { findInstallation } from '../../installations/store.ts';
import type { WorkMessage } from '../model/message.ts';

/**
 * Finds the message that an earlier post may have created although its response was lost: HighLevel accepts no idempotency key
 * (platform.md 6.1). It has the same content and an id that we have not stored. Messages of one address are posted in order, so it is
 * ours; where later messages have passed one that kept failing, as many matches are left to them as may just be posted. Emails
 * are not searched, because their list leaves out the content.
 *
 * @param since start of the first post
 * @returns null when there is no such message, or the installation lacks the scope to read messages
 * @throws AppError as the client
 */
export async function findPostedMessage(
  { db, highLevel }: { db: Database; highLevel: HighLevel },
  message: WorkMessage,
  post: InboundPost,
  since: Date,
): Promise<PostedMessage | null> {
  const { locationId, contactId, occurredAt, provider } = post;
  if (provider.kind.startsWith('email') || !(await canReadMessages(db, locationId))) return null;
  // HighLevel dates a message by the time that we post with it.
  const from = Math.min(since.getTime(), occurredAt?.getTime() ?? since.getTime()) - maxClockSkewMs;
  try {
    const { response, messages } = await listMessages(highLevel, { locationId, contactId, since: new Date(from) });
    const candidates = messages.filter(
      (listed) =>
        listed.direction === post.direction &&
        listed.text.trim() === (post.text ?? '').trim() &&
        // The list leaves out recordings.
        (post.callStatus !== null || listed.attachmentCount === post.attachments.length) &&
        (listed.conversationProviderId ?? provider.id) === provider.id,
    );
    const knownIds = await findKnownIds(db, locationId, candidates);
    const unclaimed = candidates.filter(({ id }) => !knownIds.has(id));
    const found = unclaimed.length > (await countUncertainPosts(db, message, contactId)) ? unclaimed[0] : null;
    return found
      ? { response, highlevelMessageId: found.id, conversationId: found.conversationId, emailMessageId: null }
      : null;
  } catch (error) {
    if (isAppError(error, 'highlevel_refused', 'highlevel_forbidden')) return null;
    throw error;
  }
}

/** Checks the scope to read messages, which installations of an older version of the app lack. */
async function canReadMessages(db: Database, locationId: string): Promise<boolean> {
  const installation = await findInstallation(db.client, toLocationOwner(locationId));
  return installation?.scopes.includes(operations.listMessages.scope) ?? false;
}

async function findKnownIds(
  db: Database,
  locationId: string,
  messages: readonly { id: string }[],
): Promise<Set<string | null>> {
  const rows = await db.client.message.findMany({
    where: { locationId, highlevelMessageId: { in: messages.map(({ id }) => id) } },
    select: { highlevelMessageId: true },
  });
  return new Set(rows.map(({ highlevelMessageId }) => highlevelMessageId));
}

/** Counts other messages with the same text to the same conversation whose post may have succeeded without our having its id yet. */
function countUncertainPosts(db: Database, message: WorkMessage, contactId: string): Promise<number> {
  const { id, locationId, providerKey, sentExternally, text } = message;
  return db.client.message.count({
    where: {
      locationId,
      contactId,
      providerKey,
      direction: 'inbound',
      sentExternally,
      text,
      state: 'pending',
      postStartedAt: { not: null },
      id: { not: id },
    },
  });
}
