import type { TokenOwner } from './client.ts';

/** Start of the keys of {@link toHighLevelGroupKey}. */
export const highLevelGroupPrefix = 'highlevel/';

/** Returns the key of the rate limit for a location's or a company's calls, which is also the group of their jobs in the queue. */
export function toHighLevelGroupKey({ resourceId }: Pick<TokenOwner, 'resourceId'>): string {
  return `${highLevelGroupPrefix}${resourceId}`;
}

/** Returns the key of the rate limit for the calls that look up contacts: a share of the location's calls. */
export function toContactLookupKey(locationId: string): string {
  return `look-ups/${locationId}`;
}

/** Returns the key of the rate limit for mirroring a location's opt-outs: a share of the location's calls. */
export function toDndMirrorKey(locationId: string): string {
  return `do-not-disturb/${locationId}`;
}

/** Returns the key of the rate limit for starting workflows by triggers: a share of the location's calls. */
export function toTriggerKey(locationId: string): string {
  return `triggers/${locationId}`;
}

/** Returns the key of the rate limit for the messages of workflow actions, and for resuming their workflows: a share of the location's calls. */
export function toWorkflowActionKey(locationId: string): string {
  return `workflow-actions/${locationId}`;
}
