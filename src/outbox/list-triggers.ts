import type { Database } from '../database/client.ts';
import { listSubscriptions, type TriggerSubscription } from './subscriptions.ts';

/** `waiting`: events are due and not sent yet. `failing`: its last request did not certainly start the workflow. */
export const triggerStates = ['active', 'waiting', 'failing'] as const;

export type TriggerState = (typeof triggerStates)[number];

/** Outcomes of an event that should have started a workflow, and did not certainly do so. */
export const triggerErrors = ['refused', 'unconfirmed', 'expired'] as const;

/** A trigger of ours in a workflow, and how it does. */
export interface ListedTrigger extends TriggerSubscription {
  readonly state: TriggerState;
  /** Events that are not sent yet. */
  readonly waitingCount: number;
  readonly lastFiredAt: Date | null;
  readonly lastError: {
    readonly outcome: (typeof triggerErrors)[number];
    readonly details: string | null;
    readonly at: Date;
  } | null;
}

interface EventCounts {
  triggerId: string;
  waitingCount: number;
  lastFiredAt: Date | null;
}

interface ErrorRow {
  triggerId: string;
  outcome: (typeof triggerErrors)[number];
  details: string | null;
  at: Date;
}

/** Lists the triggers of a location's workflows, oldest first. Ended events are kept for 90 days: what is older is not known. */
export async function listTriggers(db: Database, locationId: string): Promise<ListedTrigger[]> {
  const { client } = db;
  const [subscriptions, counts, errors] = await Promise.all([
    listSubscriptions(db, locationId),
    client.$queryRaw<EventCounts[]>`
      SELECT trigger_id AS "triggerId", count(*) FILTER (WHERE outcome IS NULL)::int AS "waitingCount",
        max(ended_at) FILTER (WHERE outcome = 'fired') AS "lastFiredAt"
      FROM trigger_events WHERE location_id = ${locationId} GROUP BY trigger_id`,
    client.$queryRaw<ErrorRow[]>`
      SELECT DISTINCT ON (trigger_id) trigger_id AS "triggerId", outcome, details, ended_at AS at
      FROM trigger_events WHERE location_id = ${locationId} AND outcome = ANY (${[...triggerErrors]}::text[])
      ORDER BY trigger_id, ended_at DESC`,
  ]);
  const byTrigger = new Map(counts.map((row) => [row.triggerId, row]));
  const errorOf = new Map(errors.map(({ triggerId, ...error }) => [triggerId, error]));
  return subscriptions.map((subscription) => {
    const { waitingCount, lastFiredAt } = byTrigger.get(subscription.triggerId) ?? { waitingCount: 0, lastFiredAt: null };
    const lastError = errorOf.get(subscription.triggerId) ?? null;
    return { ...subscription, waitingCount, lastFiredAt, lastError, state: toState({ waitingCount, lastFiredAt, lastError }) };
  });
}

function toState({ waitingCount, lastFiredAt, lastError }: Pick<ListedTrigger, 'waitingCount' | 'lastFiredAt' | 'lastError'>) {
  if (lastError && (lastFiredAt === null || lastFiredAt < lastError.at)) return 'failing';
  return waitingCount > 0 ? 'waiting' : 'active';
}
