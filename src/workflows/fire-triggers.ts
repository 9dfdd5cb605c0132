import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import { computeBackoffMs } from '../core/retry-schedule.ts';
import type { Database } from '../database/client.ts';
import { type HighLevel, toLocationOwner, wasNotCarriedOut } from '../highlevel/client.ts';
import { toHighLevelGroupKey, toTriggerKey } from '../highlevel/group-keys.ts';
import { triggerRateLimit } from '../highlevel/rate-limit.ts';
import { type ClaimedEvent, claimDueEvents, type EventOutcome, endEvent, markStarted, retryEvent } from '../outbox/claims.ts';
import { findSubscription, removeSubscription, type TriggerSubscription } from '../outbox/subscriptions.ts';
import { findTriggerKind } from '../outbox/trigger-kinds.ts';
import { isPaused, tryAcquire } from '../queue/rate-limits.ts';
import type { Log } from '../runtime/log.ts';
import { triggers } from './definitions.ts';
import { findUnmetFilter, parseStoredFilters } from './match-filters.ts';
import type { TriggerPayload } from './trigger-payload.ts';

export interface FireDeps {
  db: Database;
  clock: Clock;
  log: Log;
  jitter: () => number;
  /** A client whose calls are charged to the location's rate limit. */
  highLevel: HighLevel;
  /** Resolves when the location has a token. @throws AppError */
  requireValidToken(locationId: string): Promise<void>;
  buildTriggerPayload(event: ClaimedEvent): Promise<TriggerPayload>;
  recordTrigger(kind: string, outcome: EventOutcome): void;
}

const deferMs = 1_000;
/** Time after which an event that could not be delivered starts no workflow any more: it would surprise. */
const maxAgeMs = 3 * 24 * 60 * 60 * 1000;

/**
 * Fires the events of the outbox that are due. The start of each request is stored before it leaves, so that a process that is killed before
 * it loses no event, and one that is killed after it starts no workflow twice: what may have arrived is not repeated.
 *
 * @returns the number of events that have ended
 */
export async function fireTriggers(deps: FireDeps): Promise<number> {
  const claimed = await claimDueEvents(deps);
  // Of one location in their order.
  const byLocation = Map.groupBy(claimed, ({ locationId }) => locationId);
  const counts = await Promise.all([...byLocation.values()].map((events) => fireInOrder(deps, events)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function fireInOrder(deps: FireDeps, events: readonly ClaimedEvent[]): Promise<number> {
  let count = 0;
  for (const event of events) {
    try {
      if (await fireClaimed(deps, event)) count += 1;
    } catch (error) {
      deps.log.error({ err: error, eventId: event.id }, 'a trigger could not be fired');
    }
  }
  return count;
}

/** @returns whether the event has ended */
async function fireClaimed(deps: FireDeps, event: ClaimedEvent): Promise<boolean> {
  const { db, clock } = deps;
  const now = dateNow(clock);
  const end = async (outcome: EventOutcome, details: string | null = null) => {
    await endEvent(db, event, outcome, details, dateNow(clock));
    deps.recordTrigger(event.kind, outcome);
    return true;
  };
  if (event.startedAt) return end('unconfirmed', 'The process stopped before it had a response.');
  const subscription = await findSubscription(db, event);
  if (!subscription) return end('inactive', 'The trigger was removed from its workflow.');
  if (now.getTime() - event.createdAt.getTime() > maxAgeMs)
    return end('expired', 'The CRM could not be reached for three days.');

  const payload = await deps.buildTriggerPayload(event);
  const kind = findTriggerKind(event.kind);
  const unmet = kind && findUnmetFilter(parseStoredFilters(subscription.filters), triggers[kind].filters, payload);
  if (unmet) return end('filtered', `${unmet.field} is ${payload[unmet.field] ?? 'empty'}.`);
  if (!(await canCall(deps, event.locationId))) {
    await retryEvent(db, event, new Date(clock.now() + deferMs), false);
    return false;
  }
  try {
    await deps.requireValidToken(event.locationId);
    if (!(await markStarted(deps, event))) return false;
    await execute(deps, subscription, payload);
    return await end('fired');
  } catch (error) {
    return handleFailure(deps, event, error, end);
  }
}

async function canCall({ db, clock }: FireDeps, locationId: string): Promise<boolean> {
  if (await isPaused(db, toHighLevelGroupKey(toLocationOwner(locationId)), dateNow(clock))) return false;
  return tryAcquire({ db, clock }, toTriggerKey(locationId), triggerRateLimit);
}

function execute({ highLevel }: FireDeps, { locationId, executeId }: TriggerSubscription, payload: TriggerPayload) {
  const body = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
  return highLevel({ operation: 'executeTrigger', owner: toLocationOwner(locationId), path: { locationId, executeId }, body });
}

async function handleFailure(
  deps: FireDeps,
  event: ClaimedEvent,
  error: unknown,
  end: (outcome: EventOutcome, details: string) => Promise<boolean>,
): Promise<boolean> {
  const { db, clock, log } = deps;
  if (!isAppError(error)) throw error;
  const said = [error.message, ...error.details].join(' ');
  if (isInactive(error.details)) {
    const { locationId, triggerId } = event;
    await end('inactive', said);
    await removeSubscription(db, { locationId, triggerId }, said, dateNow(clock));
    log.info({ locationId, triggerId }, 'HighLevel calls a trigger inactive: its subscription is dropped');
    return true;
  }
  if (!wasNotCarriedOut(error)) return end('unconfirmed', said);
  if (error.retry === 'never') return end('refused', said);
  const delayMs = error.retryAfterMs ?? computeBackoffMs(event.errorCount, deps.jitter());
  await retryEvent(db, event, new Date(clock.now() + delayMs), true);
  return false;
}

/** Recognises HighLevel's words for a trigger that no workflow has any more (platform-2026-11.md 3.2). */
function isInactive(details: readonly string[]): boolean {
  return details.some((detail) => /\btrigger\b/i.test(detail) && /\binactive\b/i.test(detail));
}
