import { maxChars } from '../core/bounds.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { Database } from '../database/client.ts';
import { findSubscription, removeSubscription, storeSubscription } from '../outbox/subscriptions.ts';
import { findTriggerKind } from '../outbox/trigger-kinds.ts';
import type { SubscriptionRequest } from './read-request.ts';

export interface SubscribeDeps {
  db: Database;
  clock: Clock;
  /** HighLevel's API: the only host that a trigger may be executed at. */
  apiUrl: string;
}

/**
 * Stores, updates or deletes the subscription of a trigger in a workflow. The address to call is reduced to its last part: the host and the
 * path are HighLevel's, so that no request leads the app, with a token of the location, elsewhere.
 *
 * @throws AppError `request_invalid`
 */
export async function handleSubscription(
  { db, clock, apiUrl }: SubscribeDeps,
  request: SubscriptionRequest,
): Promise<'stored' | 'removed'> {
  const { locationId, triggerId, eventType, workflowId } = request;
  const now = dateNow(clock);
  if (eventType === 'DELETED') {
    await removeSubscription(db, { locationId, triggerId }, 'The trigger was removed from its workflow.', now);
    return 'removed';
  }
  const kind = findTriggerKind(request.key);
  if (kind === null) throw invalid('triggerData.key: this app has no such trigger');
  const executeId =
    request.targetUrl === null
      ? (await findSubscription(db, { locationId, triggerId }))?.executeId
      : parseTargetUrl(apiUrl, locationId, request.targetUrl);
  if (!executeId) {
    throw invalid(`triggerData.targetUrl: must be ${apiUrl}/workflows-marketplace/triggers/execute/<location>/<trigger>`);
  }
  const filters = request.filters.map((filter) => ({ ...filter, values: [...filter.values] }));
  const isStored = await storeSubscription(db, { locationId, triggerId, kind, workflowId, executeId, filters }, now);
  if (!isStored) throw invalid('triggerData.id: this location has too many triggers of this app');
  return 'stored';
}

/** Reads the last part of the address that starts a workflow. @returns null for any other address */
function parseTargetUrl(apiUrl: string, locationId: string, targetUrl: string): string | null {
  if (!URL.canParse(targetUrl)) return null;
  const { origin, pathname, search, hash, username, password } = new URL(targetUrl);
  const prefix = `/workflows-marketplace/triggers/execute/${locationId}/`;
  const isOurs = origin === new URL(apiUrl).origin && !search && !hash && !username && !password;
  const last = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : '';
  return isOurs && /^[\w-]+$/.test(last) && last.length <= maxChars.highlevelId ? last : null;
}

function invalid(detail: string): AppError {
  return new AppError('request_invalid', 'The trigger cannot be subscribed.', { details: [detail] });
}
