import type { OutboundMessage, SendOutcome, SettledRecipient } from '../../channels/channel.ts';
import { toMailKey } from '../../core/address.ts';
import type { Executor } from '../../database/client.ts';
import type { WorkMessage } from '../model/message.ts';
import { computeRecipientStates, parseRecipients, selectReceiptsSince } from '../model/recipients.ts';

/** Lists the recipients of an email to several that attempts of its current send have settled. */
export async function listSettledRecipients(
  on: Executor,
  { id, to, idempotencyResetAt }: Pick<WorkMessage, 'id' | 'to' | 'idempotencyResetAt'>,
): Promise<SettledRecipient[]> {
  if (parseRecipients(to).length < 2) return [];
  const receipts = await on.receipt.findMany({
    where: { messageId: id, recipient: { not: null } },
    select: { state: true, recipient: true, code: true, reason: true, receivedAt: true },
    orderBy: [{ receivedAt: 'asc' }, { id: 'asc' }],
  });
  return computeRecipientStates(to, selectReceiptsSince(idempotencyResetAt, receipts)).flatMap(
    ({ address, state, code, reason }) => {
      if (state === 'pending' && code === null) return [];
      const refusal = state === 'failed' ? { code: code ?? 'failed', message: reason ?? 'It was refused.' } : null;
      return [{ address, refusal }];
    },
  );
}

/**
 * Concludes an email that is not tried again although recipients are left: it was sent to those that attempts have reached, and has failed for
 * the others alone.
 *
 * @param isLast no attempt follows one that was deferred
 * @returns the outcome for the message: the attempt's own where no recipient was reached
 */
export function concludeForReached(
  outcome: SendOutcome,
  { to, settledRecipients = [], acceptedParts }: Pick<OutboundMessage, 'to' | 'settledRecipients' | 'acceptedParts'>,
  isLast: boolean,
): SendOutcome {
  if (outcome.kind !== 'rejected' && !(outcome.kind === 'unavailable' && isLast)) return outcome;
  const { code, message, reachedRecipients = [], rejectedRecipients = [] } = outcome;
  const earlier = settledRecipients.filter(({ refusal }) => refusal === null);
  if (earlier.length + reachedRecipients.length === 0) return outcome;
  const settled = [...[...settledRecipients, ...rejectedRecipients].map(({ address }) => address), ...reachedRecipients];
  const known = new Set(settled.map(toMailKey));
  const open = parseRecipients(to).filter((address) => !known.has(toMailKey(address)));
  return {
    ...{ kind: 'accepted', externalIds: acceptedParts, reachedRecipients },
    rejectedRecipients: [...rejectedRecipients, ...open.map((address) => ({ address, code, message }))],
  };
}
