import { type Clock, sleep } from '../../core/clock.ts';
import type { Log } from '../../runtime/log.ts';

const checkIntervalMs = 1_000;

/** Waits until the responses of vendors are written, before the process stops: only this process knows them. */
export async function drainSettlements(
  settle: { unwritten(): readonly string[] },
  { clock, log }: { clock: Clock; log: Log },
  timeoutMs: number,
): Promise<void> {
  const deadlineMs = clock.elapsed() + timeoutMs;
  while (settle.unwritten().length > 0 && clock.elapsed() < deadlineMs) {
    log.warn({ messages: settle.unwritten().length }, 'waiting for the database: vendor responses are not written yet');
    await sleep(clock, Math.min(checkIntervalMs, deadlineMs - clock.elapsed()));
  }
  const messageIds = settle.unwritten();
  if (messageIds.length > 0) log.error({ messageIds }, 'vendor responses could not be written: these sends count as unknown');
}
