import { type Clock, dateNow } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import type { Database, WalletChargeRow } from '../../database/client.ts';
import { type HighLevel, toLocationOwner } from '../../highlevel/client.ts';
import { createCharge, findCharge } from '../../highlevel/wallet.ts';
import type { Installation } from '../../installations/store.ts';
import type { WorkMessage } from '../model/message.ts';
import { getReason, type Reason } from '../model/reasons.ts';

/** Per-message charges of the location's wallet; null where they are off. */
export interface WalletBilling {
  readonly meterId: string;
  readonly appId: string;
}

export interface ChargeDeps {
  db: Database;
  clock: Clock;
  billing: WalletBilling | null;
  /** A client whose calls are charged to the location's rate limit. */
  highLevel: HighLevel;
  hasFunds(locationId: string): Promise<boolean>;
  /** Returns whether the message may be the echo of one that is being posted. */
  mayBeEcho(message: WorkMessage): Promise<boolean>;
  installationOf(owner: ReturnType<typeof toLocationOwner>): Promise<Installation | null>;
}

/** A message that is not sent now, as it was not charged. */
export type ChargeDecision = { rejected: Reason } | { wait: { at: Date; reason: Reason } };

/** Time after which a charge of unknown outcome is in HighLevel's list, if it was made. */
const lookUpDelayMs = 60 * 1000;
const retryDelayMs = 60 * 1000;
const echoDelayMs = 1_000;
/** First look at the end of the message, for a refund. */
export const firstRefundCheckMs = 10 * 60 * 1000;

/**
 * Charges the location's wallet for a message before its first attempt. The start is stored before the call, so that a charge of unknown
 * outcome, after a crash too, is searched for before it is repeated: no message is charged twice. A message that was charged stays so over
 * its retries, until it fails and is refunded.
 *
 * @returns null when the message may be sent
 */
export async function chargeSend(deps: ChargeDeps, message: WorkMessage): Promise<ChargeDecision | null> {
  if (!deps.billing || message.isTest) return null;
  const row = await deps.db.client.walletChargeRow.findUnique({ where: { messageId: message.id } });
  if (row?.status === 'charged') return null;
  // It failed, and a person has sent it again: the refund comes first.
  if (row?.status === 'refund_due') return waitFor(deps, getReason('charging'), retryDelayMs);
  try {
    if (row?.status === 'started') return await confirmCharge(deps, deps.billing, message, row);
    // An echo is deleted, and its charge would be forgotten with it.
    if (row === null && (await deps.mayBeEcho(message))) {
      return waitFor(deps, getReason('inbound_in_progress'), echoDelayMs);
    }
    if (!(await deps.hasFunds(message.locationId))) return { rejected: getReason('no_funds') };
    return await makeCharge(deps, deps.billing, message, row);
  } catch (error) {
    if (!isAppError(error)) throw error;
    const reason = { code: error.code, message: error.message };
    return waitFor(deps, reason, Math.max(error.retryAfterMs ?? 0, retryDelayMs));
  }
}

/** Finds out whether an earlier charge was made, and repeats it if it was not. */
async function confirmCharge(
  deps: ChargeDeps,
  billing: WalletBilling,
  message: WorkMessage,
  row: WalletChargeRow,
): Promise<ChargeDecision | null> {
  const waitMs = row.startedAt.getTime() + lookUpDelayMs - deps.clock.now();
  if (waitMs > 0) return waitFor(deps, getReason('charging'), waitMs);
  const { locationId } = message;
  const chargeId = await findCharge(deps.highLevel, { locationId, meterId: billing.meterId, eventId: row.eventId });
  if (chargeId === null) return makeCharge(deps, billing, message, row);
  await noteCharge(deps, message.id, chargeId);
  return null;
}

async function makeCharge(
  deps: ChargeDeps,
  { appId, meterId }: WalletBilling,
  message: WorkMessage,
  row: WalletChargeRow | null,
): Promise<ChargeDecision | null> {
  const { id, locationId } = message;
  const companyId = (await deps.installationOf(toLocationOwner(locationId)))?.companyId;
  if (!companyId) return waitFor(deps, getReason('charging'), retryDelayMs);
  // After a refund the message is another event.
  const round = row === null ? 0 : row.round + (row.status === 'refunded' ? 1 : 0);
  const eventId = round === 0 ? id : `${id}-${round}`;
  const now = dateNow(deps.clock);
  const started = { eventId, round, status: 'started', startedAt: now, chargeId: null, errorCount: 0 };
  const fields = { ...started, dueAt: new Date(now.getTime() + firstRefundCheckMs) };
  await deps.db.client.walletChargeRow.upsert({
    where: { messageId: id },
    create: { messageId: id, locationId, ...fields },
    update: fields,
  });
  try {
    const description = `Message ${id}`;
    const chargeId = await createCharge(deps.highLevel, { appId, meterId, eventId, locationId, companyId, description });
    await noteCharge(deps, id, chargeId);
    return null;
  } catch (error) {
    // These prove that no charge was made.
    if (!isAppError(error, 'highlevel_refused', 'highlevel_limit', 'highlevel_forbidden', 'highlevel_token_rejected'))
      throw error;
    await forgetCharge(deps, id, row);
    if (error.code !== 'highlevel_refused') throw error;
    const { code, message: sentence } = getReason('charge_refused');
    return { rejected: { code, message: [sentence, ...error.details].join(' ') } };
  }
}

async function noteCharge({ db }: ChargeDeps, messageId: string, chargeId: string): Promise<void> {
  await db.client.walletChargeRow.update({ where: { messageId }, data: { status: 'charged', chargeId } });
}

/** Restores what was known before a charge that was not made. */
async function forgetCharge({ db }: ChargeDeps, messageId: string, row: WalletChargeRow | null): Promise<void> {
  if (row?.status === 'refunded') {
    await db.client.walletChargeRow.update({ where: { messageId }, data: { ...row, dueAt: null } });
  } else {
    await db.client.walletChargeRow.deleteMany({ where: { messageId } });
  }
}

function waitFor({ clock }: ChargeDeps, reason: Reason, ms: number): ChargeDecision {
  return { wait: { at: new Date(clock.now() + ms), reason } };
}
