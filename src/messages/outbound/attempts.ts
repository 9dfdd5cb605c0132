import type { SendOutcome } from '../../channels/channel.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database, Executor } from '../../database/client.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import { getReason } from '../model/reasons.ts';

export interface AttemptRequest {
  readonly messageId: string;
  readonly connectionId: string;
  /** What to do when an earlier attempt was interrupted, so that nobody knows whether it was sent. */
  readonly unknownOutcomePolicy: 'resend' | 'ask';
}

/**
 * How beginning ended:
 * - `cancelled`: the message is not to be sent any more;
 * - `interrupted`: an earlier attempt was, and a person must decide;
 * - `inbound_in_progress`: the message may be the echo of an answer that we are just posting into this contact's conversation. HighLevel can
 *   post it to the Delivery URL before its answer has told us its id (platform.md 3.4); once that id is known, `dropEcho` settles it.
 */
export type StartResult = { attemptId: string } | 'cancelled' | 'interrupted' | 'inbound_in_progress';

export type StartAttempt = (request: AttemptRequest) => Promise<StartResult>;

const maxBatchSize = 200;

/** Records that sends begin, before anything leaves; those that begin together in one statement. */
export function createAttemptStarter(deps: { db: Database; clock: Clock; newId: NewId }): StartAttempt {
  return createBatcher<AttemptRequest, StartResult>({
    maxBatchSize,
    async run(wantedAttempts) {
      const requests = wantedAttempts.map((one) => ({ ...one, id: deps.newId() }));
      const { code, message } = getReason('interrupted');
      const rows = await deps.db.client.$queryRawUnsafe<
        { id: string; outcome: 'started' | 'interrupted' | 'inbound_in_progress' }[]
      >(startAttemptsSql, JSON.stringify(requests), dateNow(deps.clock), code, message);
      const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]));
      return requests.map(({ id }) => {
        const outcome = outcomes.get(id) ?? 'cancelled';
        return outcome === 'started' ? { attemptId: id } : outcome;
      });
    },
  });
}

/** The lock keeps whoever gives a message up from doing so between our look and our record; in the order in which all lock messages. */
const startAttemptsSql = `
  WITH wanted AS (
    SELECT * FROM json_to_recordset($1::json) AS w (id uuid, "messageId" uuid, "connectionId" uuid, "unknownOutcomePolicy" text)),
  pending AS (
    SELECT id, location_id, contact_id, resent_at FROM messages
    WHERE id IN (SELECT "messageId" FROM wanted) AND state = 'pending' AND held_for_review_at IS NULL ORDER BY id FOR KEY SHARE),
  interrupted AS (
    UPDATE attempts SET ended_at = $2, outcome = 'unknown', code = $3, reason = $4
    WHERE message_id IN (SELECT id FROM pending) AND ended_at IS NULL),
  decided AS (
    SELECT w.*, p.resent_at, CASE
      -- Interrupted, or found so before by somebody who did not come to say it.
      WHEN w."unknownOutcomePolicy" = 'ask' AND EXISTS (
        SELECT 1 FROM attempts a WHERE a.message_id = p.id AND (a.ended_at IS NULL OR a.outcome = 'unknown')
          AND a.started_at >= COALESCE(p.resent_at, '-infinity')) THEN 'interrupted'
      WHEN EXISTS (
        SELECT 1 FROM messages inbound JOIN jobs ON jobs.queue = 'highlevel' AND jobs.message_id = inbound.id AND jobs.worker_id IS NOT NULL
        WHERE inbound.location_id = p.location_id AND inbound.contact_id = p.contact_id AND inbound.post_started_at IS NOT NULL)
        THEN 'inbound_in_progress'
      ELSE 'started' END AS outcome
    FROM wanted w JOIN pending p ON p.id = w."messageId"),
  started AS (
    INSERT INTO attempts (id, message_id, connection_id, started_at, event_order)
    -- Whoever had it sent again may have a clock that is ahead of ours.
    SELECT id, "messageId", "connectionId", GREATEST($2, resent_at), nextval('event_order') FROM decided WHERE outcome = 'started')
  SELECT id, outcome FROM decided`;

/** SQL that records how sends ended: a part of a WITH. @param rows from `toAttemptRows`, as JSON. @param now a parameter */
export function finishAttemptsCte(rows: string, now: string): string {
  return `finished_attempts AS (
    UPDATE attempts SET ended_at = ${now}::timestamptz, outcome = e.outcome, code = e.code, reason = e.reason, response = e.response
    FROM json_to_recordset(${rows}::json) AS e (id uuid, outcome attempt_outcome, code text, reason text, response text)
    WHERE attempts.id = e.id)`;
}

export function toAttemptRows(items: readonly { attempt?: { id: string; outcome: SendOutcome } }[]) {
  return items.flatMap(({ attempt }) => {
    if (!attempt) return [];
    const { id, outcome } = attempt;
    const failure = outcome.kind === 'accepted' || outcome.kind === 'delivered' ? null : outcome;
    return { id, outcome: outcome.kind, code: failure?.code, reason: failure?.message, response: outcome.response };
  });
}

export interface AttemptFilter {
  /** All but this one. */
  readonly excludeId?: string;
  /** Those that began before. */
  readonly startedBefore?: Date;
}

/**
 * Whether a message may have reached its contact although its newest attempt has not: an earlier one ended unknown, or a crash has
 * interrupted it. A person who has had it sent again has decided what was before.
 */
export async function mayHaveArrived(
  on: Executor,
  { id, resentAt }: { id: string; resentAt: Date | null },
  { excludeId, startedBefore }: AttemptFilter = {},
): Promise<boolean> {
  const count = await on.attempt.count({
    where: {
      messageId: id,
      OR: [{ outcome: 'unknown' }, { outcome: null }],
      ...(excludeId ? { id: { not: excludeId } } : {}),
      startedAt: { ...(resentAt ? { gte: resentAt } : {}), ...(startedBefore ? { lt: startedBefore } : {}) },
    },
  });
  return count > 0;
}
