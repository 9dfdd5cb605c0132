import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import type { HighLevel } from '../highlevel/client.ts';
import { toHighLevelGroupKey } from '../highlevel/group-keys.ts';
import { highLevelRateLimit } from '../highlevel/rate-limit.ts';
import { consume } from '../queue/rate-limits.ts';

export interface ChargedClientDeps {
  db: Database;
  clock: Clock;
  highLevel: HighLevel;
}

/**
 * Creates a HighLevel client that charges its calls to the rate limit of their owner. A job has reserved a slot before it runs, so its
 * first call is prepaid; each further call is charged before it leaves.
 *
 * @param prepaidCount calls that are paid for already
 */
export function createChargedClient({ db, clock, highLevel }: ChargedClientDeps, prepaidCount: number): HighLevel {
  let prepaid = prepaidCount;
  return async (call) => {
    if (prepaid > 0) prepaid--;
    else await consume({ db, clock }, toHighLevelGroupKey(call.owner), highLevelRateLimit, 1);
    return highLevel(call);
  };
}
