import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';

const checkIntervalMs = 1_000;

/** Waits until the database has taken what vendors have responded: for a process that stops it is the last chance. */
export async function awaitWritten(
  settle: { unwritten(): readonly string[] },
  { clock, log }: { clock: Clock; log: Log },
  ms: number,
): Promise<void> {
  const until = clock.elapsed() + ms;
  while (settle.unwritten().length > 0 && clock.elapsed() < until) {
    log.warn(
      { messages: settle.unwritten().length },
      'the database is awaited: only this process knows what vendors responded',
    );
    await sleep(clock, Math.min(checkIntervalMs, until - clock.elapsed()));
  }
  const messageIds = settle.unwritten();
  if (messageIds.length > 0)
    log.error({ messageIds }, 'what vendors responded could not be written: these sends count as unknown');
}
