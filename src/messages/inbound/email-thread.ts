import * as z from 'zod';
import { fitId } from '../../core/bounds.ts';
import type { Database } from '../../database/client.ts';
import type { WorkMessage } from '../model/message.ts';

/**
 * Finds the thread of an inbound email, under HighLevel's id: that of the message to which it replies (platform.md 6.1). The reply can
 * only go over the connection that carried the original, so other connections are not searched. A vendor that replaces the Message-ID leaves
 * ours to the references alone: then its channel names our own id of the message.
 */
export async function findEmailThread(db: Database, message: WorkMessage): Promise<string | null> {
  const { connectionId, replyToExternalId } = message;
  if (message.messageType !== 'email' || !connectionId || !replyToExternalId) return null;
  // A Message-ID stands in angle brackets in a mail's headers; not every vendor passes them on.
  const bare = replyToExternalId.trim().replace(/^<|>$/g, '');
  const ids = [replyToExternalId, bare, `<${bare}>`].map((id) => fitId(id));
  const original = await db.client.message.findFirst({
    where: {
      emailMessageId: { not: null },
      OR: [
        { externalIds: { some: { connectionId, externalId: { in: ids } } } },
        { inboundKey: { in: ids.map((id) => `${connectionId}/${id}`) } },
        ...(isUuid(bare) ? [{ id: bare, connectionId }] : []),
      ],
    },
    orderBy: { id: 'desc' },
    select: { emailMessageId: true },
  });
  return original?.emailMessageId ?? null;
}

function isUuid(text: string): boolean {
  return z.uuid().safeParse(text).success;
}
