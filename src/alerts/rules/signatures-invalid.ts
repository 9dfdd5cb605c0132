import { type Clock, dateNow } from '../../core/clock.ts';
import { formatCount } from '../../core/format-count.ts';
import type { Database, Executor } from '../../database/client.ts';
import { createDelayedWrite } from '../../runtime/delayed-write.ts';
import type { Log } from '../../runtime/log.ts';
import type { AlertThresholds, Finding, OpenAlerts } from '../alert.ts';

const minuteMs = 60_000;
export const burstWindowMs = 5 * minuteMs;

/** Returns whether a count is a burst. An alert resolves at half of the limit. */
export function isBurst(count: number, isOpen: boolean, limit: number): boolean {
  return count > (isOpen ? limit / 2 : limit);
}

/** Finds a burst of webhooks with invalid signatures across all processes. */
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
  const details = `${formatCount(count, 'webhook')} with an invalid signature within five minutes: a stranger is forging them, or HighLevel has changed its key (HIGHLEVEL_WEBHOOK_PUBLIC_KEYS).`;
  return [{ subject: 'webhooks', locationId: null, companyId: null, details }];
}

export interface SignatureFailureCounter {
  /** Counts a failure without delaying its request: counts are written in one batch, a few seconds later. */
  record(): void;
  /** Writes pending counts. */
  stop(): Promise<void>;
}

/** Creates the counter of this process's invalid signatures, which adds them to the total of all processes. */
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

/** Returns the current minute, for counts by minute. */
export function toMinute(clock: Clock): Date {
  return new Date(Math.floor(clock.now() / minuteMs) * minuteMs);
}

/** Deletes counts older than a day. */
export async function purgeSignatureFailures(deps: { db: Database; clock: Clock }): Promise<void> {
  const before = new Date(dateNow(deps.clock).getTime() - 24 * 60 * minuteMs);
  await deps.db.client.signatureFailure.deleteMany({ where: { minute: { lt: before } } });
}
