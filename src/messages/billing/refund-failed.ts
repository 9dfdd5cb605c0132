import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import { computeBackoffMs } from '../../core/retry-schedule.ts';
import type { Database, WalletChargeRow } from '../../database/client.ts';
import { findResponse, type HighLevel } from '../../highlevel/client.ts';
import { deleteCharge, findCharge } from '../../highlevel/wallet.ts';
import type { Log } from '../../runtime/log.ts';
import { firstRefundCheckMs, type WalletBilling } from './charge-send.ts';

export interface RefundDeps {
  db: Database;
  clock: Clock;
  log: Log;
  jitter: () => number;
  billing: WalletBilling | null;
  /** A client whose calls are charged to the location's rate limit. */
  highLevel: HighLevel;
}

/** Longer than the calls of one refund take: after this, another process takes over from one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const maxClaimed = 20;
const maxCheckMs = 60 * 60 * 1000;
const maxErrors = 10;
/** From here on an error that a retry might help counts as a refusal: until its refund ends, a failed message can't be resent. */
const maxRefundAgeMs = 3 * 24 * 60 * 60 * 1000;

/**
 * Refunds the charges of messages that have failed. The decision is stored before the call, and a charge is deleted once: a repeat finds it
 * refunded. A message that reaches its contact after all, later than ten minutes after it was charged, is not charged again.
 *
 * @returns the number of charges that were looked at
 */
export async function refundFailedMessages(deps: RefundDeps): Promise<number> {
  if (!deps.billing) return 0;
  const claimed = await claimDue(deps);
  for (const row of claimed) await settleCharge(deps, deps.billing, row);
  return claimed.length;
}

function claimDue({ db, clock }: RefundDeps): Promise<WalletChargeRow[]> {
  const now = dateNow(clock);
  return db.transaction(async (tx) => {
    const rows = await tx.$queryRaw<{ messageId: string }[]>`
      UPDATE wallet_charges SET due_at = ${new Date(now.getTime() + claimTtlMs)}
      WHERE message_id IN (
        SELECT message_id FROM wallet_charges WHERE due_at <= ${now} ORDER BY due_at LIMIT ${maxClaimed} FOR UPDATE SKIP LOCKED)
      RETURNING message_id AS "messageId"`;
    return tx.walletChargeRow.findMany({ where: { messageId: { in: rows.map(({ messageId }) => messageId) } } });
  });
}

async function settleCharge(deps: RefundDeps, billing: WalletBilling, row: WalletChargeRow): Promise<void> {
  const { db, clock, jitter } = deps;
  const { messageId, locationId } = row;
  const update = (data: Partial<WalletChargeRow>) =>
    // Only as it was claimed: a resend may have started another charge.
    db.client.walletChargeRow.updateMany({ where: { messageId, eventId: row.eventId, status: row.status }, data });
  const message = await db.client.message.findUnique({ where: { id: messageId }, select: { state: true } });
  if (message?.state === 'delivered' || message?.state === 'read') return void (await update({ dueAt: null }));
  if (message?.state !== 'failed' && row.status !== 'refund_due') {
    const ageMs = clock.now() - row.startedAt.getTime();
    return void (await update({ dueAt: new Date(clock.now() + Math.min(Math.max(ageMs, firstRefundCheckMs), maxCheckMs)) }));
  }
  try {
    // HighLevel may refuse the refund of a charge that was refunded in another way: the last try looks it up.
    const knownId = row.errorCount + 1 < maxErrors ? row.chargeId : null;
    const chargeId = knownId ?? (await findCharge(deps.highLevel, { ...billing, locationId, eventId: row.eventId }));
    if (chargeId === null) return void (await update({ status: 'refunded', dueAt: null }));
    const { count } = await update({ status: 'refund_due', chargeId });
    if (count === 0) return;
    await refund(deps.highLevel, locationId, chargeId);
    await db.client.walletChargeRow.updateMany({
      where: { messageId, eventId: row.eventId, status: 'refund_due' },
      data: { status: 'refunded', dueAt: null },
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    const errorCount = row.errorCount + 1;
    const isFinal = error.retry === 'never' || clock.now() - row.startedAt.getTime() >= maxRefundAgeMs;
    if (isFinal && errorCount >= maxErrors) return keepCharge(deps, row, error);
    const delayMs = Math.max(error.retryAfterMs ?? 0, computeBackoffMs(row.errorCount, jitter()));
    await db.client.walletChargeRow.updateMany({
      where: { messageId, eventId: row.eventId },
      data: { errorCount, dueAt: new Date(clock.now() + delayMs) },
    });
  }
}

/** Ends the refund of a charge that HighLevel keeps refusing. The message stays charged, so a resend goes out under the same charge. */
async function keepCharge({ db, log }: RefundDeps, row: WalletChargeRow, error: AppError): Promise<void> {
  const { messageId, locationId, eventId } = row;
  log.error({ err: error, locationId, messageId }, 'HighLevel refuses to refund the charge of a failed message');
  await db.transaction(async (tx) => {
    await tx.walletChargeRow.updateMany({ where: { messageId, eventId, status: 'refund_due' }, data: { status: 'charged' } });
    await tx.walletChargeRow.updateMany({ where: { messageId, eventId }, data: { dueAt: null } });
  });
}

/** Deletes a charge; one that is gone was refunded before. */
async function refund(highLevel: HighLevel, locationId: string, chargeId: string): Promise<void> {
  try {
    await deleteCharge(highLevel, locationId, chargeId);
  } catch (error) {
    if (!isAppError(error, 'highlevel_refused') || findResponse(error)?.status !== 404) throw error;
  }
}
