import type { Executor } from '../../database/client.ts';
import { queueNames } from '../../queue/job.ts';

const messagesPerStep = 1_000;

/** The columns of a message that hold its content, without its addresses. */
export const withoutContent = `text = NULL, html = NULL, subject = NULL, name = NULL, attachments = '{}', raw_payload = ''`;

/** Vendors that have accepted a message and report nothing for so long have given it up, and are no longer asked (`pollReceipts`). */
const maxSilence = '3 days';

/** Condition of messages that are not on their way to a vendor. Unlike {@link isFinal} it holds under a lock, too. */
export const hasEnded = `(messages.state <> 'pending' OR (messages.reason_code IS NOT DISTINCT FROM 'awaiting_receipt' AND messages.held_for_review_at IS NULL))`;

/**
 * Builds the condition of messages that nothing more happens to by itself. Counting keeps the planner from joining with all jobs: with 200,000 that
 * wait, a step of a thousand messages took a second for them. The queues are named, as `enum_range` would be called for each row.
 *
 * @param now a parameter with the time
 */
export function isFinal(now: string): string {
  return `${hasEnded} AND (messages.state <> 'pending' OR (messages.updated_at < ${now}::timestamptz - interval '${maxSilence}'
      AND NOT EXISTS (SELECT FROM quiet_periods WHERE quiet_periods.message_id = messages.id)))
    AND (SELECT count(*) FROM jobs WHERE jobs.queue = ANY ('{${queueNames.join()}}'::queue_name[]) AND jobs.message_id = messages.id) = 0`;
}

/** Messages of a location by the position of their ids. */
export interface ContentRange {
  readonly locationId: string;
  readonly states: readonly string[];
  /** Exclusive, as `before`. */
  readonly after: string;
  readonly before: string;
}

export interface ContentStep {
  /** Messages whose content was erased. */
  readonly count: number;
  /** The last message that was looked at. */
  readonly lastId: string;
  /** The position before which no message of the range still waits. */
  readonly doneUntil: string;
}

/** Locks messages by id, as everywhere. */
const eraseStepSql = `
  WITH step AS MATERIALIZED (
    SELECT id, NOT (${isFinal('$5')}) AS is_open FROM messages
    WHERE location_id = $1 AND id > $2::uuid AND id < $3::uuid ORDER BY id LIMIT ${messagesPerStep}),
  locked AS MATERIALIZED (
    SELECT id FROM messages WHERE id IN (SELECT id FROM step WHERE NOT is_open) AND state::text = ANY ($4::text[])
      AND content_erased_at IS NULL ORDER BY id FOR UPDATE),
  erased AS (
    UPDATE messages SET ${withoutContent}, content_erased_at = $5::timestamptz FROM locked
    WHERE messages.id = locked.id AND ${hasEnded} RETURNING messages.id),
  erased_responses AS (
    UPDATE attempts SET response = NULL FROM erased WHERE message_id = erased.id AND response IS NOT NULL),
  erased_report_responses AS (
    UPDATE report_attempts SET response = NULL FROM erased WHERE message_id = erased.id AND response IS NOT NULL)
  SELECT (SELECT count(*)::int FROM erased) AS count, (SELECT id FROM step ORDER BY id DESC LIMIT 1) AS "lastId",
    COALESCE((SELECT id FROM step WHERE id < ALL (SELECT id FROM step WHERE is_open) ORDER BY id DESC LIMIT 1), $2::uuid) AS "doneUntil"`;

/** Erases the content of some messages of a range that are final, and of the responses about them. @returns null where the range is empty */
export async function eraseContent(on: Executor, range: ContentRange, now: Date): Promise<ContentStep | null> {
  const { locationId, after, before, states } = range;
  const [row] = await on.$queryRawUnsafe<[ContentStep | { lastId: null }]>(
    eraseStepSql,
    locationId,
    after,
    before,
    [...states],
    now,
  );
  return row.lastId === null ? null : row;
}

const deletedPerStep = 500;

/** Deletes some final messages of a location that came before a position, with all that is stored about them. @returns their number */
export function deleteMessages(on: Executor, locationId: string, before: string, now: Date): Promise<number> {
  return on.$executeRawUnsafe(deleteStepSql, locationId, before, now);
}

/** Messages that a step has deleted, and how far it has come. */
export interface DeleteStep {
  readonly count: number;
  /** The last message that was looked at. */
  readonly lastId: string;
}

/**
 * Deletes some final messages of all locations that came before a position, in the order of their time. The rows lie in that order on the disk, so
 * a page is written once for all of its rows: location by location, a message costs several times as much.
 *
 * @returns null where the range is empty
 */
export async function deleteOldest(
  on: Executor,
  { after, before }: Pick<ContentRange, 'after' | 'before'>,
  now: Date,
): Promise<DeleteStep | null> {
  const [row] = await on.$queryRawUnsafe<[DeleteStep | { lastId: null }]>(deleteOldestSql, after, before, now);
  return row.lastId === null ? null : row;
}

const deleteOldestSql = `
  WITH step AS MATERIALIZED (SELECT id FROM messages WHERE id > $1::uuid AND id < $2::uuid ORDER BY id LIMIT ${deletedPerStep}),
  locked AS MATERIALIZED (
    SELECT id FROM messages WHERE id IN (SELECT id FROM step) AND ${isFinal('$3')} ORDER BY id FOR UPDATE),
  deleted AS (
    DELETE FROM messages USING locked WHERE messages.id = locked.id AND ${hasEnded} RETURNING messages.id)
  SELECT (SELECT count(*)::int FROM deleted) AS count, (SELECT id FROM step ORDER BY id DESC LIMIT 1) AS "lastId"`;

const deleteStepSql = `
  WITH locked AS MATERIALIZED (
    SELECT id FROM messages WHERE location_id = $1 AND id < $2::uuid AND ${isFinal('$3')} ORDER BY id LIMIT ${deletedPerStep} FOR UPDATE)
  DELETE FROM messages USING locked WHERE messages.id = locked.id AND ${hasEnded}`;
