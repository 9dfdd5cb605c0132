import type { SendOutcome } from '../channels/channel.ts';
import { nowOf } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database, Executor } from '../database/client.ts';
import type { Connection } from '../installations/connections.ts';
import { reason } from './reasons.ts';
import { lockExternalId, type Message, moveTo, type StoreDeps } from './store.ts';

/**
 * Records that a send begins, before anything leaves.
 *
 * @returns the attempt, or why there is none: the connection has no hand free, or the message was given up meanwhile
 */
export function beginAttempt(
  deps: StoreDeps & { newId: NewId },
  message: Message,
  connection: Connection,
  concurrency: number | undefined,
): Promise<{ attempt: string } | 'no hand free' | 'given up'> {
  const now = nowOf(deps.clock);
  return deps.db.transaction(async (tx) => {
    if (concurrency !== undefined) {
      // The row lock makes counting and beginning one step for all processes.
      await tx.$queryRaw`SELECT id FROM connections WHERE id = ${connection.id}::uuid FOR UPDATE`;
      const inHand = await tx.attempt.count({ where: { connectionId: connection.id, endedAt: null } });
      if (inHand >= concurrency) return 'no hand free';
    }
    const { count } = await tx.message.updateMany({
      where: { id: message.id, state: 'pending' },
      data: { connectionId: connection.id, updatedAt: now },
    });
    if (count === 0) return 'given up';
    const id = deps.newId();
    await tx.attempt.create({ data: { id, messageId: message.id, connectionId: connection.id, begunAt: now } });
    return { attempt: id };
  });
}

/** Records how a send ended, in the transaction that also decides what follows. */
export async function endAttempt(tx: Executor, id: string, outcome: SendOutcome, at: Date): Promise<void> {
  const failure = outcome.kind === 'accepted' || outcome.kind === 'delivered' ? null : outcome;
  await tx.attempt.update({
    where: { id },
    data: {
      endedAt: at,
      outcome: outcome.kind,
      code: failure?.code ?? null,
      reason: failure?.message ?? null,
      answer: outcome.answer ?? null,
    },
  });
}

/** Closes what a process left open when it was killed. @returns whether there was anything: then nobody knows whether it was sent */
export async function closeInterruptedAttempts(db: Database, messageId: string, at: Date): Promise<boolean> {
  const { code, message } = reason('interrupted');
  const { count } = await db.client.attempt.updateMany({
    where: { messageId, endedAt: null },
    data: { endedAt: at, outcome: 'unknown', code, reason: message },
  });
  return count > 0;
}

/**
 * Keeps the far side's id of a message and applies receipts that named it before we knew it: a far side may call back before its
 * answer to our send has arrived.
 */
export async function learnExternalId(
  deps: StoreDeps,
  tx: Executor,
  message: { id: string; connectionId: string },
  externalId: string,
): Promise<void> {
  await lockExternalId(tx, message.connectionId, externalId);
  await tx.message.update({ where: { id: message.id }, data: { externalId } });
  const waiting = await tx.receipt.findMany({
    where: { connectionId: message.connectionId, externalId, messageId: null },
    orderBy: { id: 'asc' },
  });
  for (const receipt of waiting) {
    await tx.receipt.update({ where: { id: receipt.id }, data: { messageId: message.id } });
    await moveTo(deps, tx, message.id, receipt.state, {
      code: receipt.code ?? 'failed',
      message: receipt.reason ?? 'The far side reported a failure.',
    });
  }
}
