import { parseDeliverySettings } from '../../channels/delivery-settings.ts';
import { dateNow } from '../../core/clock.ts';
import type { Job } from '../../queue/job.ts';
import type { WorkMessage } from '../model/message.ts';
import { getReason } from '../model/reasons.ts';
import type { Settlement } from '../settlement/settlement.ts';
import { type ConfirmDeps, confirmSend } from './confirm-send.ts';
import { toContactAddress, toEndedAttempt } from './ended-attempt.ts';
import { decideNextStep } from './next-step.ts';
import { prepareAnew, settleProved, unlessProved } from './proved-send.ts';
import type { Route } from './resolve-route.ts';
import { settleStep } from './settle-step.ts';

/** Settles a message whose last attempt may or may not have been sent, as far as that can be found out. @returns `resend` where the policy says so */
export async function settleUnconfirmed(
  deps: ConfirmDeps,
  job: Job,
  message: WorkMessage,
  { connection, outbound }: Extract<Route, { outbound: object }>,
): Promise<Partial<Settlement> | 'resend'> {
  const confirmation = await confirmSend(deps, message, connection, outbound, job.signal);
  const now = dateNow(deps.clock);
  const facts = { now, connectionId: connection.id };
  if (confirmation === 'proved') return prepareAnew(now);
  const { attempt } = confirmation;
  if ('isProved' in confirmation) return settleProved(attempt, now);
  if ('doubt' in confirmation) {
    if (parseDeliverySettings(connection.config).whenUnknown === 'resend') return 'resend';
    return unlessProved(attempt, now, settleStep(message, { do: 'hold_for_review', reason: confirmation.doubt }, facts));
  }
  if ('nextAt' in confirmation) {
    const step = { do: 'confirm', at: confirmation.nextAt, reason: getReason('confirming_send') } as const;
    return unlessProved(attempt, now, settleStep(message, step, facts));
  }
  const { outcome } = confirmation;
  const step = decideNextStep(outcome, {
    now,
    // The parts that are left are sent at once.
    nextDelayMs: 0,
    limitDelayMs: null,
    hasReceipts: connection.capabilities.receipts,
    unknownOutcomePolicy: 'ask',
    isTest: message.isTest,
    confirmAt: null,
  });
  return {
    ...settleStep(message, step, facts, { excludeId: attempt.id }),
    attempt: toEndedAttempt(attempt.id, outbound, connection, outcome),
    contactAddress: toContactAddress(message, outbound.to, outcome),
  };
}
