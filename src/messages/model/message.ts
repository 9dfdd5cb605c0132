import { normalizeAddress } from '../../core/address.ts';
import type { Database, Message } from '../../database/client.ts';
import { type JsonForms, queryJsonRows, toSelectList } from '../../database/json-rows.ts';
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

const forms: JsonForms<WorkMessage> = {
  ...{ heldForReviewAt: 'time', senderSlotAt: 'time', resentAt: 'time', idempotencyResetAt: 'time', postStartedAt: 'time' },
  ...{ outOfOrderAt: 'time', recordingsAddedAt: 'time', occurredAt: 'time', createdAt: 'time', attachments: 'list' },
};

/** Creates a loader of messages by id: calls that come together are one statement. */
export function createMessageLoader(db: Database): (id: string) => Promise<WorkMessage | null> {
  const query = `SELECT ${toSelectList(workColumns)} FROM messages WHERE id = ANY ($1::uuid[])`;
  return createLoader(
    (id: string) => id,
    async (ids) => {
      const rows = await queryJsonRows<WorkMessage>(db.client, query, [ids], forms);
      return new Map(rows.map((row) => [row.id, row]));
    },
  );
}

/** Returns the contact's own address in an inbound message, never the location's. Normalizes it, as an earlier version stored it raw. */
export function pickContactAddress(message: Pick<Message, 'sentExternally' | 'from' | 'to'>): string | null {
  const address = message.sentExternally ? message.to : message.from;
  return address === null ? null : normalizeAddress(address).address;
}
