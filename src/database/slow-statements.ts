import type { Clock } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';

/** Hears of each statement that has ended, with its text and its duration. */
export type ObserveStatement = (sql: string, durationMs: number) => void;

export interface SlowStatementDeps {
  clock: Pick<Clock, 'elapsed'>;
  log: Log;
  /** Counts a slow statement. */
  count(): void;
}

interface Sample {
  /** When the next line may be written. */
  nextAt: number;
  /** Executions since the last line. */
  count: number;
  maxMs: number;
}

const lineIntervalMs = 60_000;
const maxTextLength = 2_000;
/** Prisma writes a text of its own for each length of a list; statements beyond this number share one line. */
const maxSampled = 200;

/**
 * Creates the log of statements that took `thresholdMs` or longer. A statement has one line a minute, with the number of its slow executions
 * since the line before, so that a slow database does not flood the log. The text has placeholders: values are never part of it.
 */
export function createSlowStatementLog(deps: SlowStatementDeps, thresholdMs: number): ObserveStatement {
  const { clock, log } = deps;
  const samples = new Map<string, Sample>();

  return (sql, durationMs) => {
    if (durationMs < thresholdMs) return;
    deps.count();
    const text = sql.replaceAll(/\s+/g, ' ').trim().slice(0, maxTextLength);
    const now = clock.elapsed();
    if (samples.size >= maxSampled) for (const [old, { nextAt }] of samples) if (nextAt <= now) samples.delete(old);
    const statement = samples.has(text) || samples.size < maxSampled ? text : 'other statements';
    const sample = samples.get(statement) ?? { nextAt: now, count: 0, maxMs: 0 };
    samples.set(statement, sample);
    sample.count += 1;
    sample.maxMs = Math.max(sample.maxMs, durationMs);
    if (now < sample.nextAt) return;
    const { count, maxMs } = sample;
    log.warn({ statement, durationMs: Math.round(durationMs), maxMs: Math.round(maxMs), count }, 'slow statement');
    samples.set(statement, { nextAt: now + lineIntervalMs, count: 0, maxMs: 0 });
  };
}
