import type { ChannelContext, OutboundMessage, SendOutcome } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import type { Clock } from '../../core/clock.ts';
import type { WorkMessage } from '../model/message.ts';
import type { Reason } from '../model/reasons.ts';
import type { UnconfirmedAttempt } from './attempts.ts';

export interface ConfirmDeps {
  clock: Clock;
  /** Time for finding out, before the connection's policy applies. */
  confirmTimeoutMs: number;
  findUnconfirmedAttempt(message: Pick<WorkMessage, 'id' | 'resentAt'>): Promise<UnconfirmedAttempt | null>;
  isIdOfAnother(message: Pick<WorkMessage, 'id'>, connectionId: string, externalId: string): Promise<boolean>;
  createChannelContext(connection: Connection, signal: AbortSignal): ChannelContext<object>;
}

/** Shares of the time for finding out at which the vendor is asked, and receipts are looked for. Vendors list a message late. */
const confirmShares = [0.05, 0.1, 0.2, 0.5, 1];

/** Returns true where it can be found out whether a send of unknown outcome has reached the vendor. */
export function canConfirm({ channel, capabilities }: Pick<Connection, 'channel' | 'capabilities'>): boolean {
  return !capabilities.idempotent && (channel.lookUpSend !== undefined || capabilities.receipts);
}

/** Returns the time of the next check; null when the last one is over. @param nowMs a time after the attempt ended */
export function computeConfirmAt(endedAtMs: number, nowMs: number, timeoutMs: number): Date | null {
  const share = confirmShares.find((one) => endedAtMs + one * timeoutMs > nowMs);
  return share === undefined ? null : new Date(endedAtMs + share * timeoutMs);
}

/**
 * Result of a check: the outcome of that attempt, the time of the next check, or the reason of the doubt that remains when the policy applies.
 * `proved`: a receipt has said before that the vendor has it.
 */
export type Confirmation =
  | 'proved'
  | ({ attempt: UnconfirmedAttempt } & ({ outcome: SendOutcome } | { nextAt: Date } | { doubt: Reason } | { isProved: true }));

/**
 * Finds out whether the last attempt has reached the vendor: asks the vendor, where it can say, and waits some minutes for a receipt, which
 * continues the message on its own. `failed` or a second send would be untrue, or double, before that.
 */
export async function confirmSend(
  deps: ConfirmDeps,
  message: WorkMessage,
  connection: Connection,
  outbound: OutboundMessage,
  signal: AbortSignal,
): Promise<Confirmation> {
  const attempt = await deps.findUnconfirmedAttempt(message);
  if (!attempt) return 'proved';
  if (attempt.provedParts.length > 0) return { attempt, isProved: true };
  const context = deps.createChannelContext(connection, signal);
  const isOfAnother = (externalId: string) => deps.isIdOfAnother(message, connection.id, externalId);
  const outcome = (await connection.channel.lookUpSend?.(context, outbound, attempt.startedAt, isOfAnother)) ?? null;
  if (outcome && isConclusive(outcome)) return { attempt, outcome };
  const nextAt = canConfirm(connection)
    ? computeConfirmAt(attempt.endedAt.getTime(), deps.clock.now(), deps.confirmTimeoutMs)
    : null;
  return { attempt, ...(nextAt ? { nextAt } : { doubt: attempt.unknownReason }) };
}

/** Returns true for what the vendor says of the message, or of its first parts; not for a look-up that failed. */
function isConclusive(outcome: SendOutcome): boolean {
  const { kind } = outcome;
  const isInPart = kind === 'unavailable' && (outcome.acceptedParts ?? []).length > 0;
  return kind === 'accepted' || kind === 'delivered' || kind === 'rejected' || isInPart;
}
