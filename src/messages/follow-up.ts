import type { Executor } from '../database/client.ts';
import type { Job } from '../queue/boss.ts';
import type { NextStep, Reason } from './next-step.ts';
import { reason } from './reasons.ts';
import { type Message, moveTo, type StoreDeps } from './store.ts';

/**
 * Writes what follows an attempt and settles its job, in the caller's transaction. A receipt may have moved the message while it was
 * being sent; then only the job is left to settle.
 */
export async function followUp(
  deps: StoreDeps,
  tx: Executor,
  job: Job,
  message: Message,
  step: NextStep,
  now: Date,
): Promise<void> {
  switch (step.do) {
    case 'finish':
      await moveTo(deps, tx, message.id, step.state, step.state === 'failed' ? step.reason : undefined);
      break;
    case 'wait for a receipt':
      await keepPending(tx, message.id, now, reason('awaiting_receipt'), {});
      break;
    case 'ask a person':
      await keepPending(tx, message.id, now, step.reason, { unknownSince: now });
      break;
    case 'send again': {
      const again = { nextAttemptAt: step.at, retryCount: { increment: 1 } };
      if (await keepPending(tx, message.id, now, step.reason, again)) return job.runAgain(tx, step.at);
    }
  }
  await job.complete(tx);
}

/** Puts an outbound message off without using up a retry: what it waits for has nothing to do with it. */
export async function putOff(
  tx: Executor,
  job: Job,
  message: Message,
  wait: { at: Date; why: Reason; slotAt?: Date | undefined },
  now: Date,
): Promise<void> {
  const { at, why, slotAt } = wait;
  await keepPending(tx, message.id, now, why, { nextAttemptAt: at, slotAt: slotAt ?? null });
  await job.runAgain(tx, at);
}

/** @returns whether the message is still pending */
async function keepPending(
  tx: Executor,
  id: string,
  now: Date,
  why: Reason,
  fields: { nextAttemptAt?: Date; slotAt?: Date | null; unknownSince?: Date; retryCount?: { increment: number } },
): Promise<boolean> {
  const { count } = await tx.message.updateMany({
    where: { id, state: 'pending' },
    data: { nextAttemptAt: null, slotAt: null, ...fields, reasonCode: why.code, reason: why.message, updatedAt: now },
  });
  return count === 1;
}
