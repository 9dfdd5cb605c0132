import type { Database } from '../database/client.ts';
import { resumeWhere } from '../queue/rate-limits.ts';

/** Start of the keys of {@link toConnectionGroupKey}. */
export const connectionGroupPrefix = 'sending/';

/** Returns the key of a connection's group: of its jobs in the queue and of its rate limit. */
export function toConnectionGroupKey({ locationId, providerKey }: { locationId: string; providerKey: string }): string {
  return `${connectionGroupPrefix}${locationId}/${providerKey}`;
}

/** Reads the owner from the key of a connection's group, or of HighLevel's limit, which has no provider key. */
export function parseGroupKey(key: string): { resourceId: string; providerKey: string | null } {
  const [, resourceId = '', providerKey = null] = key.split('/');
  return { resourceId, providerKey };
}

/** Ends the pauses of a location's connections that depend on its clock: sending hours and the day of a daily cap. */
export function resumeScheduledPauses(deps: { db: Database }, locationId: string): Promise<void> {
  const startsWith = toConnectionGroupKey({ locationId, providerKey: '' });
  return resumeWhere(deps, { startsWith }, ['outside_window', 'daily_cap']);
}
