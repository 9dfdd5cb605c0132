import { createHash } from 'node:crypto';
import type { Database } from '../database/client.ts';
import { resumeWhere } from '../queue/rate-limits.ts';

/** Start of the keys of the groups of connections and providers. */
export const connectionGroupPrefix = 'sending/';

/**
 * Returns the key of the group that a location's new messages of a provider join. It is the group of the provider's only connection, so that
 * its messages need no choice. Where there is a choice, each connection has a group of its own, and no pause or limit holds this one back.
 */
export function toProviderGroupKey({ locationId, providerKey }: { locationId: string; providerKey: string }): string {
  return `${connectionGroupPrefix}${locationId}/${providerKey}`;
}

/** Members of a connection that name its group. */
export interface GroupOwner {
  readonly id: string;
  readonly locationId: string;
  readonly providerKey: string;
  readonly hasOwnGroup: boolean;
}

/** Returns the key of a connection's group: of its jobs in the queue and of its rate limit. */
export function toConnectionGroupKey(connection: GroupOwner): string {
  return connection.hasOwnGroup ? toOwnGroupKey(connection) : toProviderGroupKey(connection);
}

/** Returns the key of the group that a connection has to itself. */
export function toOwnGroupKey(connection: Omit<GroupOwner, 'hasOwnGroup'>): string {
  return `${toProviderGroupKey(connection)}/${connection.id}`;
}

/** Returns the key of the limits of one sender, whose address may be long. */
export function toSenderLimitKey({ connectionId, address }: { connectionId: string; address: string }): string {
  return `sender/${connectionId}/${createHash('sha256').update(address).digest('hex')}`;
}

/** Reads the owner from the key of a connection's group, or of HighLevel's limit, which has no provider key. */
export function parseGroupKey(key: string): { resourceId: string; providerKey: string | null } {
  const [, resourceId = '', providerKey = null] = key.split('/');
  return { resourceId, providerKey };
}

/** Ends the pauses of a location's connections that depend on its clock: sending hours and the day of a daily cap. */
export function resumeScheduledPauses(deps: { db: Database }, locationId: string): Promise<void> {
  const startsWith = toProviderGroupKey({ locationId, providerKey: '' });
  return resumeWhere(deps, { startsWith }, ['outside_window', 'daily_cap']);
}
