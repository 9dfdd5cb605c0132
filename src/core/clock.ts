import { type Clock, systemClock } from 'pg-boss';

export type { Clock };
export { systemClock };

/** The clock's time as a Date, for rows and answers. */
export function nowOf(clock: Clock): Date {
  return new Date(clock.now());
}

/** Resolves after `ms` of the clock's time. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, ms));
}
