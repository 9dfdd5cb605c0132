import type { SendOutcome } from '../channels/channel.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database, Executor } from '../database/client.ts';
import { createBatcher } from '../runtime/batcher.ts';
import { reason } from './reasons.ts';

export interface AttemptWanted {
  readonly messageId: string;
  readonly connectionId: string;
  /** What to do when an earlier attempt was interrupted, so that nobody knows whether it was sent. */
  readonly whenUnknown: 'resend' | 'ask';
}

/**
 * How beginning ended:
 * - `given up`: the message is not to be sent any more;
 * - `interrupted`: an earlier attempt was, and a person must decide;
 * - `answer in hand`: the message may be the echo of an answer that we are just posting into this contact's conversation. HighLevel can
 *   post it to the Delivery URL before its answer has told us its id (platform.md 3.4); once that id is known, `dropEcho` settles it.
 */
export type Beginning = { attempt: string } | 'given up' | 'interrupted' | 'answer in hand';

export type BeginAttempt = (wanted: AttemptWanted) => Promise<Beginning>;

const groupAtMost = 200;

/** Records that sends begin, before anything leaves; those that begin together in one statement. */
export function attemptBeginner(deps: { db: Database; clock: Clock; newId: NewId }): BeginAttempt {
  return createBatcher<AttemptWanted, Beginning>({
    maxBatchSize: groupAtMost,
    async run(wanted) {
      const asked = wanted.map((one) => ({ ...one, id: deps.newId() }));
      const { code, message } = reason('interrupted');
      const rows = await deps.db.client.$queryRawUnsafe<{ id: string; outcome: 'begun' | 'interrupted' | 'answer in hand' }[]>(
        beginSql,
        JSON.stringify(asked),
        dateNow(deps.clock),
        code,
        message,
      );
      const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]));
      return asked.map(({ id }) => {
        const outcome = outcomes.get(id) ?? 'given up';
        return outcome === 'begun' ? { attempt: id } : outcome;
      });
    },
  });
}

/** The lock keeps whoever gives a message up from doing so between our look and our record; in the order in which all lock messages. */
const beginSql = `
  WITH wanted AS (
    SELECT * FROM json_to_recordset($1::json) AS w (id uuid, "messageId" uuid, "connectionId" uuid, "whenUnknown" text)),
  pending AS (
    SELECT id, location_id, contact_id, resent_at FROM messages
    WHERE id IN (SELECT "messageId" FROM wanted) AND state = 'pending' AND unknown_since IS NULL ORDER BY id FOR KEY SHARE),
  interrupted AS (
    UPDATE attempts SET ended_at = $2, outcome = 'unknown', code = $3, reason = $4
    WHERE message_id IN (SELECT id FROM pending) AND ended_at IS NULL),
  judged AS (
    SELECT w.*, p.resent_at, CASE
      -- Interrupted, or found so before by somebody who did not come to say it.
      WHEN w."whenUnknown" = 'ask' AND EXISTS (
        SELECT 1 FROM attempts a WHERE a.message_id = p.id AND (a.ended_at IS NULL OR a.outcome = 'unknown')
          AND a.begun_at >= COALESCE(p.resent_at, '-infinity')) THEN 'interrupted'
      WHEN EXISTS (
        SELECT 1 FROM messages answer JOIN jobs ON jobs.kind = 'tell' AND jobs.message_id = answer.id AND jobs.worker_id IS NOT NULL
        WHERE answer.location_id = p.location_id AND answer.contact_id = p.contact_id AND answer.posting_since IS NOT NULL)
        THEN 'answer in hand'
      ELSE 'begun' END AS outcome
    FROM wanted w JOIN pending p ON p.id = w."messageId"),
  begun AS (
    INSERT INTO attempts (id, message_id, connection_id, begun_at, event_order)
    -- Whoever had it sent again may have a clock that is ahead of ours.
    SELECT id, "messageId", "connectionId", GREATEST($2, resent_at), nextval('event_order') FROM judged WHERE outcome = 'begun')
  SELECT id, outcome FROM judged`;

/** SQL that records how sends ended: a part of a WITH. @param rows from `endedAttempts`, as JSON. @param now a parameter */
export function endingAttempts(rows: string, now: string): string {
  return `ended_attempts AS (
    UPDATE attempts SET ended_at = ${now}::timestamptz, outcome = e.outcome, code = e.code, reason = e.reason, answer = e.answer
    FROM json_to_recordset(${rows}::json) AS e (id uuid, outcome attempt_outcome, code text, reason text, answer text)
    WHERE attempts.id = e.id)`;
}

export function endedAttempts(items: readonly { attempt?: { id: string; outcome: SendOutcome } }[]) {
  return items.flatMap(({ attempt }) => {
    if (!attempt) return [];
    const { id, outcome } = attempt;
    const failure = outcome.kind === 'accepted' || outcome.kind === 'delivered' ? null : outcome;
    return { id, outcome: outcome.kind, code: failure?.code, reason: failure?.message, answer: outcome.response };
  });
}

export interface WhichAttempts {
  /** All but this one. */
  readonly besides?: string;
  /** Those that began before. */
  readonly before?: Date;
}

/**
 * Whether a message may have reached its contact although its newest attempt has not: an earlier one ended unknown, or a crash has
 * interrupted it. A person who has had it sent again has judged what was before.
 */
export async function mayHaveArrived(
  on: Executor,
  { id, resentAt }: { id: string; resentAt: Date | null },
  { besides, before }: WhichAttempts = {},
): Promise<boolean> {
  const count = await on.attempt.count({
    where: {
      messageId: id,
      OR: [{ outcome: 'unknown' }, { outcome: null }],
      ...(besides ? { id: { not: besides } } : {}),
      begunAt: { ...(resentAt ? { gte: resentAt } : {}), ...(before ? { lt: before } : {}) },
    },
  });
  return count > 0;
}
