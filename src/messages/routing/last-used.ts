import type { Executor, Message } from '../../database/client.ts';
import type { SenderChoice } from './decide-sender.ts';

/** The contact of a message, and the provider that carries it. */
export type LastUsedQuery = Pick<Message, 'locationId' | 'providerKey'> & {
  contactId: string | null;
  messageId: string | null;
};

/**
 * Finds the connection and sender that a contact last wrote to or heard from, by the messages of a provider. A send that reached no vendor
 * does not count. @param isSender whether an address that the contact wrote to is a sender which can be chosen
 */
export async function findLastUsed(
  on: Executor,
  { locationId, providerKey, contactId, messageId }: LastUsedQuery,
  isSender: (connectionId: string, address: string) => boolean,
): Promise<SenderChoice | null> {
  if (contactId === null) return null;
  const [row] = await on.$queryRaw<{ connectionId: string; address: string | null }[]>`
    SELECT connection_id AS "connectionId", CASE WHEN direction = 'inbound' AND NOT sent_externally THEN "to" ELSE sender END AS address
    FROM messages
    WHERE location_id = ${locationId} AND contact_id = ${contactId} AND provider_key = ${providerKey} AND connection_id IS NOT NULL
      AND NOT is_test AND id IS DISTINCT FROM ${messageId}::uuid
      AND (direction = 'inbound' OR external_id IS NOT NULL OR state IN ('delivered', 'read'))
    ORDER BY id DESC LIMIT 1`;
  if (!row) return null;
  const { connectionId, address } = row;
  return { connectionId, sender: address !== null && isSender(connectionId, address) ? address : null };
}
