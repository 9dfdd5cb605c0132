import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, Executor } from '../database/client.ts';
import { createDelayedWrite } from '../runtime/delayed-write.ts';
import type { Log } from '../runtime/log.ts';
import type { AlertLimits, Finding, OpenOnes } from './alert.ts';

const minuteMs = 60_000;
export const burstMs = 5 * minuteMs;

/** Whether wrong signatures come in a burst. It ends at half of the limit. */
export function isBurst(count: number, isOpen: boolean, limit: number): boolean {
  return count > (isOpen ? limit / 2 : limit);
}

/** A burst of HighLevel's webhooks with wrong signatures, in all processes together. */
export async function wrongSignatures(on: Executor, open: OpenOnes, limits: AlertLimits, now: Date): Promise<Finding[]> {
  const since = new Date(now.getTime() - burstMs);
  const { _sum } = await on.wrongSignature.aggregate({ _sum: { count: true }, where: { minute: { gt: since } } });
  const count = _sum.count ?? 0;
  if (!isBurst(count, open.has('webhooks'), limits.signatureFailures)) return [];
  const details = `${count} webhooks with a wrong signature came within five minutes: somebody forges them, or HighLevel has changed its key (HIGHLEVEL_WEBHOOK_PUBLIC_KEYS).`;
  return [{ subject: 'webhooks', locationId: null, companyId: null, details }];
}

export interface WrongSignatures {
  /** Costs a request nothing: counts are written together, a few seconds later. */
  count(): void;
  /** Writes what is counted. */
  stop(): Promise<void>;
}

/** Counts wrong signatures of this process and adds them to everybody's. */
export function countWrongSignatures(deps: { db: Database; clock: Clock; log: Log }): WrongSignatures {
  const { db, clock } = deps;
  let count = 0;

  const writing = createDelayedWrite(deps, 'wrong signatures', async () => {
    const counted = count;
    count = 0;
    try {
      await db.client.$executeRaw`
        INSERT INTO wrong_signatures (minute, count) VALUES (${minuteOf(clock)}, ${counted})
        ON CONFLICT (minute) DO UPDATE SET count = wrong_signatures.count + EXCLUDED.count`;
    } catch (error) {
      count += counted;
      throw error;
    }
  });

  return {
    count() {
      count += 1;
      writing.request();
    },
    stop: writing.stop,
  };
}

/** The minute that the clock shows, for a count by minutes. */
export function minuteOf(clock: Clock): Date {
  return new Date(Math.floor(clock.now() / minuteMs) * minuteMs);
}

/** Forgets counts that no burst can need. */
export async function forgetWrongSignatures(deps: { db: Database; clock: Clock }): Promise<void> {
  const before = new Date(dateNow(deps.clock).getTime() - 24 * 60 * minuteMs);
  await deps.db.client.wrongSignature.deleteMany({ where: { minute: { lt: before } } });
}
