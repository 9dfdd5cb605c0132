import { type Clock, sleep } from '../core/clock.ts';
import { isUnavailable } from './errors.ts';

const maxTries = 30;
const delayMs = 1_000;

/**
 * Repeats a statement while the database is unavailable, for half a minute: longer than a restart takes. A statement whose response is lost
 * may have been carried out, so that the repeat must find what it has written.
 *
 * @param run gets the number of the try, from 1
 */
export async function repeatWhileUnavailable<Result>(clock: Clock, run: (tries: number) => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await run(tries);
    } catch (error) {
      if (!isUnavailable(error) || tries >= maxTries) throw error;
      await sleep(clock, delayMs);
    }
  }
}
