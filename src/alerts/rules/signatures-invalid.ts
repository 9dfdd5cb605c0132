import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database, Executor } from '../../database/client.ts';
import { createDelayedWrite } from '../../runtime/delayed-write.ts';
import type { Log } from '../../runtime/log.ts';
import type { AlertThresholds, Finding, OpenAlerts } from '../alert.ts';

const minuteMs = 60_000;
export const burstWindowMs = 5 * minuteMs;

/** Whether wrong signatures come in a burst. It ends at half of the limit. */
export function isBurst(count: number, isOpen: boolean, limit: number): boolean {
  return count > (isOpen ? limit / 2 : limit);
}

/** A burst of HighLevel's webhooks with wrong signatures, in all processes together. */
export async function findInvalidSignatures(
  on: Executor,
  open: OpenAlerts,
  thresholds: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const since = new Date(now.getTime() - burstWindowMs);
  const { _sum } = await on.signatureFailure.aggregate({ _sum: { count: true }, where: { minute: { gt: since } } });
  const count = _sum.count ?? 0;
  if (!isBurst(count, open.has('webhooks'), thresholds.signatureFailures)) return [];
  const details = `${count} webhooks with a wrong signature came within five minutes: somebody forges them, or HighLevel has changed its key (HIGHLEVEL_WEBHOOK_PUBLIC_KEYS).`;
  return [{ subject: 'webhooks', locationId: null, companyId: null, details }];
}

export interface SignatureFailureCounter {
  /** Costs a request nothing: counts are written together, a few seconds later. */
  record(): void;
  /** Writes what is counted. */
  stop(): Promise<void>;
}

/** Counts wrong signatures of this process and adds them to everybody's. */
export function createSignatureFailureCounter(deps: { db: Database; clock: Clock; log: Log }): SignatureFailureCounter {
  const { db, clock } = deps;
  let count = 0;

  const delayedWrite = createDelayedWrite(deps, 'signature failures', async () => {
    const pending = count;
    count = 0;
    try {
      await db.client.$executeRaw`
        INSERT INTO signature_failures (minute, count) VALUES (${toMinute(clock)}, ${pending})
        ON CONFLICT (minute) DO UPDATE SET count = signature_failures.count + EXCLUDED.count`;
    } catch (error) {
      count += pending;
      throw error;
    }
  });

  return {
    record() {
      count += 1;
      delayedWrite.request();
    },
    stop: delayedWrite.stop,
  };
}

/** The minute that the clock shows, for a count by minutes. */
export function toMinute(clock: Clock): Date {
  return new Date(Math.floor(clock.now() / minuteMs) * minuteMs);
}

/** Forgets counts that no burst can need. */
export async function purgeSignatureFailures(deps: { db: Database; clock: Clock }): Promise<void> {
  const before = new Date(dateNow(deps.clock).getTime() - 24 * 60 * minuteMs);
  await deps.db.client.signatureFailure.deleteMany({ where: { minute: { lt: before } } });
}
