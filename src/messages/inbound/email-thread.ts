import type { Database } from '../../database/client.ts';
import type { WorkMessage } from '../model/message.ts';

/**
 * Finds the thread of an inbound email, under HighLevel's id: that of the message to which it replies (platform.md 6.1). The reply can
 * only go over the connection that carried the original, so other connections are not searched.
 */
export async function findEmailThread(db: Database, message: WorkMessage): Promise<string | null> {
  const { connectionId, replyToExternalId } = message;
  if (message.messageType !== 'email' || !connectionId || !replyToExternalId) return null;
  // A Message-ID stands in angle brackets in a mail's headers; not every vendor passes them on.
  const bare = replyToExternalId.trim().replace(/^<|>$/g, '');
  const original = await db.client.message.findFirst({
    where: { connectionId, externalId: { in: [replyToExternalId, bare, `<${bare}>`] }, emailMessageId: { not: null } },
    orderBy: { id: 'desc' },
    select: { emailMessageId: true },
  });
  return original?.emailMessageId ?? null;
}
