import { type Clock, dateNow } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Database } from './client.ts';

/** The database's clock, by which every process stores and compares times. */
export interface DatabaseClock extends Clock {
  /** Lead of this machine's clock over the database's, in milliseconds. */
  skewMs(): number;
  /** Measures again, now. */
  measure(): Promise<void>;
  stop(): Promise<void>;
}

export interface DatabaseClockDeps {
  /** This machine's clock, for timers and for the time between two measurements. */
  clock: Clock;
  /** Reads the database's time, in milliseconds since 1970. */
  readTime: () => Promise<number>;
  /** Receives each measurement, and how far the database's clock was set back since the previous one. */
  onMeasured?: (now: Date, setBackMs: number) => Promise<void>;
  log: Log;
}

const measureIntervalMs = 10_000;
/** Measurements at the start; the quickest is the most exact. */
const initialMeasurements = 3;
/** Largest relative drift of an ordinary quartz. */
const driftRate = 2e-4;
/** Skew from which signatures and the times in logs are harmed. */
export const skewWarningMs = 1_000;

/** One measurement of the database's time. */
export interface TimeSample {
  /** Time of the measurement, by a clock that is never set. */
  readonly atMs: number;
  readonly databaseMs: number;
  /** Largest possible error: half of the round trip. */
  readonly errorMs: number;
}

/** Reads the time of a server in milliseconds, as of this statement. */
export const timeSql = 'SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::float8 AS ms';

/** Reads the time of the database's server. */
export async function readDatabaseTime({ client }: Pick<Database, 'client'>): Promise<number> {
  const [row] = await client.$queryRawUnsafe<{ ms: number }[]>(timeSql);
  return row?.ms ?? Number.NaN;
}

/**
 * Chooses the sample to use: the newer one, unless the older one is still more exact and both agree. So a slow
 * round trip does not move the clock, and a clock that was set is followed at once.
 */
export function chooseSample(old: TimeSample, next: TimeSample): TimeSample {
  const agedErrorMs = old.errorMs + (next.atMs - old.atMs) * driftRate;
  const apartMs = Math.abs(next.databaseMs - (old.databaseMs + next.atMs - old.atMs));
  return next.errorMs > agedErrorMs && apartMs <= next.errorMs + agedErrorMs ? old : next;
}

/**
 * Opens the clock that all processes share. Between two measurements it advances by elapsed time, so that setting this machine's clock does
 * not move it.
 */
export async function openDatabaseClock({ clock, readTime, onMeasured, log }: DatabaseClockDeps): Promise<DatabaseClock> {
  const sample = async (): Promise<TimeSample> => {
    const startedMs = clock.elapsed();
    const databaseMs = await readTime();
    const tripMs = clock.elapsed() - startedMs;
    return { atMs: startedMs + tripMs / 2, databaseMs, errorMs: tripMs / 2 };
  };
  let current = await sample();
  for (let count = 1; count < initialMeasurements; count++) current = chooseSample(current, await sample());
  let isWarned = false;

  const now = () => Math.floor(current.databaseMs + clock.elapsed() - current.atMs);
  const skewMs = () => clock.now() - now();
  async function measure(): Promise<void> {
    const next = chooseSample(current, await sample());
    const setBackMs = Math.max(current.databaseMs - current.atMs - (next.databaseMs - next.atMs), 0);
    current = next;
    await onMeasured?.(dateNow({ now }), setBackMs);
    const isSkewed = Math.abs(skewMs()) >= skewWarningMs;
    if (isSkewed && !isWarned) {
      log.warn(
        { skewMs: skewMs(), databaseTime: dateNow({ now }) },
        'the clock of this machine and that of the database differ; keep both in step (NTP)',
      );
    }
    isWarned = isSkewed;
  }
  await measure();
  let measuring: Promise<void> = Promise.resolve();
  const timer = clock.setInterval(() => {
    // While the database is away the last measurement stands.
    measuring = measure().catch((error: unknown) => log.debug({ err: error }, 'the time of the database could not be read'));
  }, measureIntervalMs);
  return {
    ...clock,
    now,
    skewMs,
    measure,
    stop() {
      clock.clearInterval(timer);
      return measuring;
    },
  };
}
