import { isAppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import { maxClockSkewMs, toLocationOwner } from '../../highlevel/client.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import { listMessages } from '../../highlevel/message-list.ts';
import type { InboundPost, PostedMessage } from '../../highlevel/messages.ts';
import { operations } from '../../highlevel/operations.ts';
import { highLevelRateLimit } from '../../highlevel/rate-limit.ts';
import { findInstallation } from '../../installations/store.ts';
import { consume } from '../../queue/rate-limits.ts';
import type { WorkMessage } from '../model/message.ts';
import type { ReportDeps } from '../reporting/report-status.ts';

/**
 * Looks for what an earlier post may have left in the conversation, whose answer we never saw: HighLevel takes no key that would make a
 * repeat harmless (platform.md 6.1). It is a message with the same content that is none of those we know. What one address sends is
 * posted one after the other, so it is ours; where others have gone ahead of one that kept failing, those that may just be posted are
 * left theirs. Emails are not looked for: their list leaves out what they say.
 *
 * @param since when posting began
 * @returns null when nothing is there, or this app was not allowed to look when it was installed
 * @throws AppError as the client
 */
export async function findPostedMessage(
  deps: ReportDeps,
  message: WorkMessage,
  post: InboundPost,
  since: Date,
): Promise<PostedMessage | null> {
  const { locationId, contactId, occurredAt, provider } = post;
  if (provider.kind.startsWith('email') || !(await canReadMessages(deps.db, locationId))) return null;
  // HighLevel dates a message by what we say of it.
  const from = Math.min(since.getTime(), occurredAt?.getTime() ?? since.getTime()) - maxClockSkewMs;
  await consume(deps, toHighLevelGroupKey(toLocationOwner(locationId)), highLevelRateLimit, 1);
  try {
    const { response, messages } = await listMessages(deps.highLevel, { locationId, contactId, since: new Date(from) });
    const candidates = messages.filter(
      (listed) =>
        listed.direction === post.direction &&
        listed.text.trim() === (post.text ?? '').trim() &&
        listed.attachmentCount === post.attachments.length &&
        (listed.conversationProviderId ?? provider.id) === provider.id,
    );
    const knownIds = await findKnownIds(deps.db, locationId, candidates);
    const unclaimed = candidates.filter(({ id }) => !knownIds.has(id));
    const found = unclaimed.length > (await countUncertainPosts(deps.db, message, contactId)) ? unclaimed[0] : null;
    return found
      ? { response, highlevelMessageId: found.id, conversationId: found.conversationId, emailMessageId: null }
      : null;
  } catch (error) {
    if (isAppError(error, 'highlevel_refused', 'highlevel_forbidden')) return null;
    throw error;
  }
}

/** Whoever installed an older version of the app has not allowed it to read messages. */
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

/** Counts other messages with the same text to the same conversation whose post may have succeeded without our knowing it yet. */
function countUncertainPosts(db: Database, message: WorkMessage, contactId: string): Promise<number> {
  const { id, locationId, providerKey, sentExternally, text } = message;
  return db.client.message.count({
    where: {
      locationId,
      contactId,
      providerKey,
      direction: 'inbound',
      sentExternally: sentExternally,
      text,
      state: 'pending',
      postStartedAt: { not: null },
      id: { not: id },
    },
  });
}
