import type { SendOutcome } from '../../channels/channel.ts';
import { type Clock, sleep } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import { isDataError, isInvalidValue, isUnavailable } from '../../database/errors.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import type { Log } from '../../runtime/log.ts';
import { getReason, getReasonType } from '../model/reasons.ts';
import type { LockedMessage, MessagePatch } from '../model/transitions.ts';
import type { Settle, Settlement, SettlementDecision } from './settlement.ts';

export type { Settle, Settlement, SettlementDecision } from './settlement.ts';

export interface SettleDeps {
  clock: Clock;
  log: Log;
  /** Writes a batch in one transaction. @param items no two of one message */
  settleBatch(items: readonly Settlement[]): Promise<void>;
}

const maxBatchSize = 100;
const maxAttempts = 60;
const retryDelayMs = 1_000;
const maxRetryDelayMs = 30_000;

/** Settles jobs, and lists what it could not write yet. */
export interface Settler extends Settle {
  /** Returns the messages for which a vendor or HighLevel has responded, and the response is not written: only this process knows of it. */
  unwritten(): readonly string[];
}

/**
 * Creates the writer of what jobs result in: results that come together are one transaction. Only this process knows the response of a
 * vendor or of HighLevel, so it is retried until it is written, however long the database is unavailable, also while the program stops.
 * Only data that the database refuses is dropped, after a limit: it must not occupy a worker's slot without end.
 */
export function createSettler(deps: SettleDeps): Settler {
  const settle = createBatcher<Settlement, void>({
    maxBatchSize,
    run: async (items) => {
      for (const round of splitByMessage(items)) await deps.settleBatch(round);
      return items.map(() => undefined);
    },
    isItemError: (error) => isDataError(error) || isAppError(error, 'conflict'),
  });
  const unwritten = new Set<Settlement>();

  async function settleWithRetry(original: Settlement): Promise<void> {
    await prepare(original);
    let settlement = original;
    for (let attempts = 1; ; attempts++) {
      try {
        return await settle(settlement);
      } catch (error) {
        // Alone in its batch, and still not ours: the worker that has the job now decides by what it finds.
        if (isAppError(error, 'conflict')) return;
        const fields = { err: error, messageId: original.job.messageId };
        if (isInvalidValue(error) && settlement === original) {
          deps.log.error(fields, 'vendor response could not be stored; storing the outcome without it');
          settlement = withoutVendorText(original);
          continue;
        }
        if (canDrop(original, error, attempts)) throw error;
        if (hasResponse(original)) unwritten.add(original);
        deps.log.warn(fields, 'result of a job could not be written; retrying');
        await sleep(deps.clock, isUnavailable(error) ? retryDelayMs : Math.min(retryDelayMs * attempts, maxRetryDelayMs));
      }
    }
  }

  async function prepare(settlement: Settlement): Promise<void> {
    for (;;) {
      try {
        return await settlement.prepare?.();
      } catch (error) {
        const fields = { err: error, messageId: settlement.job.messageId };
        if (!isUnavailable(error)) return deps.log.error(fields, 'consequences of a vendor response could not be recorded');
        unwritten.add(settlement);
        deps.log.warn(fields, 'consequences of a vendor response could not be recorded; retrying');
        await sleep(deps.clock, retryDelayMs);
      }
    }
  }

  return Object.assign((settlement: Settlement) => settleWithRetry(settlement).finally(() => unwritten.delete(settlement)), {
    unwritten: () => [...unwritten].map(({ job }) => job.messageId),
  });
}

/** Returns true for a settlement with a response of a vendor or HighLevel. Without it the message would be sent or posted twice. */
function hasResponse({ attempt, report }: Settlement): boolean {
  return attempt !== undefined || report !== undefined;
}

function canDrop(settlement: Settlement, error: unknown, attempts: number): boolean {
  if (attempts >= maxAttempts && isDataError(error)) return true;
  if (hasResponse(settlement)) return false;
  return (attempts >= maxAttempts && !isUnavailable(error)) || settlement.job.signal.aborted;
}

/** Removes text from outside, which the database has refused: without its outcome the job would be retried and the message sent again. */
function withoutVendorText({
  report: _report,
  contactAddress: _contactAddress,
  attempt,
  change,
  beforeWrite,
  ...others
}: Settlement): Settlement {
  const { code, message } = getReason('unstorable_response');
  return {
    ...others,
    ...(attempt ? { attempt: { ...attempt, outcome: withoutText(attempt.outcome, { code, message }) } } : {}),
    change: withOwnReason(change),
    ...(beforeWrite && {
      beforeWrite: async (tx): Promise<SettlementDecision | undefined> => {
        const decision = await beforeWrite(tx);
        return decision?.change ? { ...decision, change: withOwnReason(decision.change) } : decision;
      },
    }),
  };
}

function withoutText(outcome: SendOutcome, reason: { code: string; message: string }): SendOutcome {
  const { reachedRecipients, rejectedRecipients } = outcome;
  const recipients = {
    ...(reachedRecipients && { reachedRecipients }),
    ...(rejectedRecipients && { rejectedRecipients: rejectedRecipients.map(({ address }) => ({ address, ...reason })) }),
  };
  return 'externalIds' in outcome
    ? { kind: outcome.kind, externalIds: [], ...recipients }
    : { kind: outcome.kind, ...reason, ...recipients };
}

/** Replaces a vendor's reason in a change. */
function withOwnReason(change: Settlement['change']): (current: LockedMessage) => MessagePatch {
  const { code, message } = getReason('unstorable_response');
  return (current) => {
    const patch = change?.(current) ?? {};
    return patch.reasonCode && getReasonType(patch.reasonCode) === 'provider'
      ? { ...patch, reasonCode: code, reason: message }
      : patch;
  };
}

/** Splits a batch into rounds with no two settlements of one message: its send and its report may end at once, and each must see the other. */
function splitByMessage(items: readonly Settlement[]): Settlement[][] {
  const rounds: Settlement[][] = [];
  const roundsByMessage = new Map<string, number>();
  for (const item of items) {
    const round = roundsByMessage.get(item.job.messageId) ?? 0;
    roundsByMessage.set(item.job.messageId, round + 1);
    rounds[round] ??= [];
    rounds[round].push(item);
  }
  return rounds;
}
