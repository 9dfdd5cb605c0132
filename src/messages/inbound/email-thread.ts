import type { Database } from '../../database/client.ts';
import type { WorkMessage } from '../model/message.ts';

/**
 * The thread of an inbound email, as HighLevel calls it: that of the message which it answers (platform.md 6.1). Only what the same
 * connection has carried can be answered over it.
 */
export async function findEmailThread(db: Database, message: WorkMessage): Promise<string | null> {
  const { connectionId, replyToExternalId } = message;
  if (message.messageType !== 'email' || !connectionId || !replyToExternalId) return null;
  // A Message-ID stands in angle brackets in a mail's headers; not every far side keeps them.
  const bare = replyToExternalId.trim().replace(/^<|>$/g, '');
  const original = await db.client.message.findFirst({
    where: { connectionId, externalId: { in: [replyToExternalId, bare, `<${bare}>`] }, emailMessageId: { not: null } },
    orderBy: { id: 'desc' },
    select: { emailMessageId: true },
  });
  return original?.emailMessageId ?? null;
}
