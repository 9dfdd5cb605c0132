import type { Clock } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { Database } from '../database/client.ts';
import type { HighLevel } from '../highlevel/client.ts';
import { usersScope } from '../highlevel/operations.ts';
import { type LocationUser, listUsers } from '../highlevel/users.ts';
import { createTimedCache } from '../runtime/timed-cache.ts';
import { createChargedClient } from './charged-client.ts';
import type { Installation } from './store.ts';

const usersTtlMs = 10 * 60_000;

/** Users of a location; null where HighLevel does not say. */
export type ListLocationUsers = (location: Installation) => Promise<readonly LocationUser[] | null>;

/**
 * Creates the reader of a location's users, for forms in which a person chooses one. It asks HighLevel at most every ten minutes, within the
 * location's limit, and only where the app may.
 */
export function createLocationUsersReader(deps: { db: Database; clock: Clock; highLevel: HighLevel }): ListLocationUsers {
  const cache = createTimedCache<readonly LocationUser[] | null>(deps.clock, usersTtlMs);
  return async ({ resourceId, companyId, status, scopes }) => {
    if (companyId === null || status !== 'active' || !scopes.includes(usersScope)) return null;
    return cache(resourceId, async () => {
      try {
        return await listUsers(createChargedClient(deps, 0), companyId, resourceId);
      } catch (error) {
        if (isAppError(error)) return null;
        throw error;
      }
    });
  };
}
