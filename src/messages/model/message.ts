import { normalizeAddress } from '../../core/address.ts';
import type { Database, Message } from '../../database/client.ts';
import { queryJsonRows } from '../../database/json-rows.ts';
import { createLoader } from '../../runtime/batcher.ts';

export type { Message };

/** A message with the columns that the functions of a job need. */
export type WorkMessage = Pick<Message, (typeof workColumns)[number]>;

const workColumns = [
  'id',
  'direction',
  'locationId',
  'providerKey',
  'connectionId',
  'sender',
  'route',
  'senderSlotAt',
  'isTest',
  'highlevelMessageId',
  'externalId',
  'contactId',
  'conversationId',
  'messageType',
  'from',
  'to',
  'name',
  'text',
  'html',
  'subject',
  'attachments',
  'emailMessageId',
  'replyToExternalId',
  'sentExternally',
  'state',
  'reasonCode',
  'reason',
  'heldForReviewAt',
  'retryCount',
  'resentAt',
  'idempotencyResetAt',
  'reportedState',
  'reportRetryCount',
  'postStartedAt',
  'outOfOrderAt',
  'callStatus',
  'recordingsAddedAt',
  'occurredAt',
  'createdAt',
] as const satisfies (keyof Message)[];

/** Creates a loader of messages by id: calls that come together are one statement. */
export function createMessageLoader(db: Database): (id: string) => Promise<WorkMessage | null> {
  const query = `SELECT ${toSelectList(workColumns)} FROM messages WHERE id = ANY ($1::uuid[])`;
  return createLoader(
    (id: string) => id,
    async (ids) => {
      const rows = await queryJsonRows<WorkMessage>(
        db.client,
        query,
        [ids],
        [
          'heldForReviewAt',
          'senderSlotAt',
          'resentAt',
          'idempotencyResetAt',
          'postStartedAt',
          'outOfOrderAt',
          'recordingsAddedAt',
          'occurredAt',
          'createdAt',
        ],
      );
      // A list that was never set is null in SQL.
      return new Map(rows.map((row) => [row.id, { ...row, attachments: row.attachments ?? [] }]));
    },
  );
}

/** Returns the contact's own address in an inbound message, never the location's. Normalizes it, as an earlier version stored it raw. */
export function pickContactAddress(message: Pick<Message, 'sentExternally' | 'from' | 'to'>): string | null {
  const address = message.sentExternally ? message.to : message.from;
  return address === null ? null : normalizeAddress(address).address;
}

/** Lists columns for a SELECT, each under the name of its property. */
export function toSelectList(properties: readonly string[]): string {
  return properties.map((name) => `"${toSnakeCase(name)}" AS "${name}"`).join(', ');
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
