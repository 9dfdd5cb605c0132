import { type Clock, sleep } from '../../core/clock.ts';
import type { Log } from '../../runtime/log.ts';

const checkIntervalMs = 1_000;

/** Waits until the database has taken what vendors have responded: for a process that stops there is no later moment to do it. */
export async function drainSettlements(
  settle: { unwritten(): readonly string[] },
  { clock, log }: { clock: Clock; log: Log },
  timeoutMs: number,
): Promise<void> {
  const deadlineMs = clock.elapsed() + timeoutMs;
  while (settle.unwritten().length > 0 && clock.elapsed() < deadlineMs) {
    log.warn(
      { messages: settle.unwritten().length },
      'the database is awaited: only this process knows what vendors responded',
    );
    await sleep(clock, Math.min(checkIntervalMs, deadlineMs - clock.elapsed()));
  }
  const messageIds = settle.unwritten();
  if (messageIds.length > 0)
    log.error({ messageIds }, 'what vendors responded could not be written: these sends count as unknown');
}
