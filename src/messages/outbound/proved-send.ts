import type { OutboundMessage, SendOutcome } from '../../channels/channel.ts';
import { fitId } from '../../core/bounds.ts';
import type { Executor } from '../../database/client.ts';
import { getReason } from '../model/reasons.ts';
import { keepPending } from '../model/transitions.ts';
import type { Settlement, SettlementDecision } from '../settlement/settlement.ts';
import type { UnconfirmedAttempt } from './attempts.ts';
import { listAcceptedParts } from './external-ids.ts';

type UnknownOutcome = Extract<SendOutcome, { kind: 'unknown' }>;

// A receipt may prove a send whose response was lost: while its attempt still runs, or while it is found out what became of it. So whatever
// such an attempt comes to is decided under the message's lock, which `confirmSends` holds, too, when it stores a proof.

/**
 * Settles an attempt that has got no response. If a receipt has named more parts than the attempt knows of, it was sent: the attempt counts
 * as accepted, and the message continues at once.
 *
 * @param knownIds the vendor's ids that this attempt or an earlier one has got in a response
 */
export function unlessSent(
  message: { id: string; resentAt: Date | null },
  { attemptId, knownIds, now }: { attemptId: string; knownIds: readonly string[]; now: Date },
  settlement: Partial<Settlement>,
): Partial<Settlement> {
  return unless(async (tx) => {
    const proved = (await listAcceptedParts(tx, message)).filter((id) => !knownIds.includes(id));
    return proved.length > 0 ? endAsAccepted(tx, { attemptId, proved, now }) : null;
  }, settlement);
}

/** Lists the vendor's ids that an attempt without a response, or an earlier one, has got. */
export function listKnownIds({ acceptedParts }: Pick<OutboundMessage, 'acceptedParts'>, outcome: UnknownOutcome): string[] {
  return [...acceptedParts, ...(outcome.acceptedParts ?? []).map((id) => fitId(id))];
}

/** Settles what was found out about an attempt, unless a receipt has proved it meanwhile: then the message is prepared anew. */
export function unlessProved(
  { id }: Pick<UnconfirmedAttempt, 'id'>,
  now: Date,
  settlement: Partial<Settlement>,
): Partial<Settlement> {
  return unless(
    async (tx) => ((await tx.attempt.count({ where: { id, outcome: 'unknown' } })) > 0 ? null : prepareAnew(now)),
    settlement,
  );
}

/** Settles an attempt that a receipt had proved before its process stopped. */
export function settleProved(
  { id, provedParts }: Pick<UnconfirmedAttempt, 'id' | 'provedParts'>,
  now: Date,
): Partial<Settlement> {
  return { beforeWrite: (tx) => endAsAccepted(tx, { attemptId: id, proved: provedParts, now }) };
}

/** Lets a message run again at once; a message that is not to be sent any more is left as it is. */
export function prepareAnew(now: Date): SettlementDecision {
  return { change: () => ({}), runAgainAt: ({ state }) => (state === 'pending' ? now : null), letsOthersPass: false };
}

function unless(
  decide: (tx: Executor) => Promise<SettlementDecision | null>,
  settlement: Partial<Settlement>,
): Partial<Settlement> {
  return { ...settlement, beforeWrite: async (tx) => (await decide(tx)) ?? settlement.beforeWrite?.(tx) };
}

async function endAsAccepted(
  tx: Executor,
  { attemptId, proved, now }: { attemptId: string; proved: readonly string[]; now: Date },
): Promise<SettlementDecision> {
  const attempt = { id: attemptId, OR: [{ outcome: null }, { outcome: 'unknown' as const }] };
  await tx.attempt.updateMany({ where: attempt, data: { endedAt: now, outcome: 'accepted', code: null, reason: null } });
  return {
    ...prepareAnew(now),
    attempt: undefined,
    change: (current) => {
      const externalId = current.externalId ?? proved[0] ?? null;
      return keepPending(current, getReason('confirming_send'), { nextAttemptAt: null, externalId });
    },
  };
}
