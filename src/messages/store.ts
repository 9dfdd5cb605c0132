import type { Clock } from '../core/clock.ts';
import { nowOf } from '../core/clock.ts';
import type { Database, Executor, Message } from '../database/client.ts';
import type { Queue } from '../queue/boss.ts';
import type { KnownAfter } from './known-after.ts';
import type { Reason } from './next-step.ts';
import { advance, type MessageState } from './state.ts';

export type { Message };

export interface StoreDeps {
  db: Database;
  queue: Queue;
  clock: Clock;
  knownAfter: KnownAfter;
}

export function findMessage(db: Database, id: string): Promise<Message | null> {
  return db.client.message.findUnique({ where: { id } });
}

/** What keeps a contact's messages in order: one key a contact. */
export function deliverKey(message: { locationId: string; contactId: string | null; to: string | null; id: string }): string {
  return `${message.locationId}/${message.contactId ?? message.to ?? message.id}`;
}

/** What keeps a sender's messages in order: one key a sender. */
export function postKey(connectionId: string | null, from: string | null): string {
  return `${connectionId}/${from}`;
}

/**
 * The only place that changes an outbound message's state. It locks the row, asks the state machine, and enqueues the report of what
 * HighLevel does not know yet, all in the caller's transaction.
 *
 * @param why needed for `failed`; what a message waited for is forgotten otherwise
 */
export async function moveTo(deps: StoreDeps, tx: Executor, id: string, wanted: MessageState, why?: Reason): Promise<void> {
  const [row] = await tx.$queryRaw<{ state: MessageState }[]>`SELECT state FROM messages WHERE id = ${id}::uuid FOR UPDATE`;
  if (!row) return;
  const state = advance(row.state, wanted);
  if (state === row.state) return;
  const message = await tx.message.update({
    where: { id },
    data: {
      state,
      reasonCode: why?.code ?? null,
      reason: why?.message ?? null,
      unknownSince: null,
      nextAttemptAt: null,
      slotAt: null,
      reportTries: 0,
      updatedAt: nowOf(deps.clock),
    },
  });
  if (message.highlevelMessageId) {
    const startAt = new Date(message.createdAt.getTime() + deps.knownAfter.ms());
    await deps.queue.enqueue(tx, 'report', { messageId: id, key: id, startAt });
  }
}

/** Serialises what concerns one id of a far side, so that a receipt and the answer that names its message can't miss each other. */
export async function lockExternalId(tx: Executor, connectionId: string, externalId: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${connectionId}/${externalId}`}, 0))`;
}
