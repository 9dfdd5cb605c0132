import type { SendOutcome } from '../../channels/channel.ts';
import { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import type { SqlExecutor } from '../../database/client.ts';
import { insertAcceptedEventsCte, insertEventsCte } from '../../outbox/record-events.ts';
import type { NewJob } from '../../queue/job.ts';
import { insertJobsCte } from '../../queue/sql/add-jobs.ts';
import { finishJobsCte, type JobResult, toFinishRows } from '../../queue/sql/finish-jobs.ts';
import { releaseOrderingKeys } from '../../queue/sql/release-ordering-keys.ts';
import { runNow } from '../../queue/sql/reschedule-jobs.ts';
import type { MessageState } from '../model/state.ts';
import type { LockedMessage } from '../model/transitions.ts';
import { type EarlyReceipt, type ExternalIdMatch, storeReceipts } from './receipt-rows.ts';
import type { ContactAddress } from './settlement.ts';

/** The rows that a batch of settlements writes. */
export interface SettlementRows {
  readonly changed: readonly LockedMessage[];
  readonly attempts: readonly AttemptRow[];
  readonly reportAttempts: readonly ReportAttemptRow[];
  readonly contactAddresses: readonly ContactAddress[];
  /** The vendors' ids of messages and their parts. */
  readonly externalIds: readonly ExternalIdMatch[];
  readonly recipients: readonly RecipientRow[];
  readonly quietPeriods: readonly QuietPeriodRow[];
  /** One a settlement. */
  readonly jobResults: readonly JobResult[];
  readonly newJobs: readonly NewJob[];
  /** Early receipts whose message is found. */
  readonly matchedReceipts: readonly Pick<EarlyReceipt, 'id' | 'messageId' | 'isOfAnother' | 'part' | 'partCount'>[];
}

export interface AttemptRow {
  readonly id: string;
  readonly outcome: SendOutcome['kind'];
  readonly code: string | undefined;
  readonly reason: string | undefined;
  readonly response: string | undefined;
}

/** What the response to a send says of one recipient of an email. */
export interface RecipientRow {
  readonly messageId: string;
  readonly connectionId: string;
  readonly recipient: string;
  readonly state: MessageState;
  readonly code: string;
  readonly reason: string | null;
}

/** A recipient that counts as delivered at a time, unless its failure is known by then. */
export interface QuietPeriodRow {
  readonly messageId: string;
  readonly connectionId: string;
  /** Empty where the email has one. */
  readonly recipient: string;
  readonly periodMs: number;
  readonly endsAt: Date;
}

export interface ReportAttemptRow {
  readonly messageId: string;
  readonly state: MessageState | null;
  readonly accepted: boolean;
  readonly httpStatus: number | null;
  /** HighLevel's support asks for it. */
  readonly traceId: string | null;
  readonly response: string | null;
}

/** Writes a batch of settlements. @throws AppError `conflict` when another worker has taken over a job of the batch */
export async function write(tx: SqlExecutor, newId: NewId, rows: SettlementRows, now: Date): Promise<void> {
  await releasePosts(tx, rows.jobResults, now);
  const [row] = await tx.$queryRawUnsafe<{ count: number }[]>(
    settleSql,
    now,
    JSON.stringify(rows.changed),
    JSON.stringify(rows.attempts),
    JSON.stringify(rows.reportAttempts.map((attempt) => ({ id: newId(), ...attempt }))),
    JSON.stringify(rows.contactAddresses),
    JSON.stringify(toFinishRows(rows.jobResults)),
    JSON.stringify(rows.newJobs),
    JSON.stringify(rows.matchedReceipts.map((claim) => ({ ...claim, copyId: claim.isOfAnother ? newId() : null }))),
    JSON.stringify(rows.externalIds),
  );
  await storeReceipts(
    tx,
    rows.recipients.map((row) => ({ ...row, id: newId(), receivedAt: now })),
  );
  await insertQuietPeriods(tx, rows.quietPeriods);
  if (row?.count !== rows.jobResults.length) throw new AppError('conflict', 'A job was taken over while it was being settled.');
}

/**
 * Builds the part of a WITH that lets workflows which wait for a contact's messages look at them again. The rows are locked in the order of
 * their ids, so that two transactions do not deadlock.
 */
function wakePausesCte(now: string, changed: string): string {
  return `waiting_pauses AS MATERIALIZED (
    SELECT p.id FROM json_to_recordset(${changed}::json) AS t ("locationId" text, "contactId" text)
    JOIN workflow_pauses p ON p.location_id = t."locationId" AND p.contact_id = t."contactId" AND p.outcome IS NULL
    ORDER BY p.id FOR UPDATE OF p),
  woken_pauses AS (
    UPDATE workflow_pauses SET due_at = ${now}::timestamptz FROM waiting_pauses w WHERE workflow_pauses.id = w.id)`;
}

/** Stores quiet periods. One of an earlier send, which a person has had repeated, begins anew. */
export async function insertQuietPeriods(tx: SqlExecutor, rows: readonly QuietPeriodRow[]): Promise<void> {
  if (rows.length > 0) await tx.$executeRawUnsafe(insertQuietPeriodsSql, JSON.stringify(rows));
}

const insertQuietPeriodsSql = `
  INSERT INTO quiet_periods (message_id, connection_id, recipient, period_ms, ends_at, due_at)
  SELECT "messageId", "connectionId", recipient, "periodMs", "endsAt", "endsAt"
  FROM json_to_recordset($1::json) AS q (
    "messageId" uuid, "connectionId" uuid, recipient text, "periodMs" int, "endsAt" timestamptz)
  ON CONFLICT (message_id, recipient) DO UPDATE SET
    connection_id = EXCLUDED.connection_id, period_ms = EXCLUDED.period_ms, ends_at = EXCLUDED.ends_at,
    due_at = EXCLUDED.due_at`;

/** Releases the posts that wait for the fetch of their attachments: when the fetch is done, or when later posts may pass it. */
async function releasePosts(tx: SqlExecutor, results: readonly JobResult[], now: Date): Promise<void> {
  const fetches = results.filter(({ job }) => job.queue === 'fetch');
  const toMessageIds = (batch: readonly JobResult[]) => batch.map(({ job }) => job.messageId);
  const yielding = fetches.filter(({ releasesOrderingKey }) => releasesOrderingKey);
  if (yielding.length > 0) await releaseOrderingKeys(tx, 'highlevel', toMessageIds(yielding));
  const done = fetches.filter(({ runAgainAt }) => runAgainAt === null);
  if (done.length > 0) await runNow(tx, 'highlevel', toMessageIds(done), now);
}

/**
 * The part of a WITH that writes changed messages, and what workflows learn of them: $1 is the time, $2 the messages as JSON. Two statements
 * need it.
 */
export const updateMessagesCte = `${insertEventsCte('$1', '$2')},
  ${wakePausesCte('$1', '$2')},
  updated_messages AS (
    UPDATE messages SET
      updated_at = $1::timestamptz,
      delivered_at = COALESCE(messages.delivered_at, CASE WHEN c.state IN ('delivered', 'read') THEN $1::timestamptz END),
      state = c.state, reason_code = c."reasonCode", reason = c.reason, held_for_review_at = c."heldForReviewAt",
      next_attempt_at = c."nextAttemptAt", retry_count = c."retryCount",
      reported_state = c."reportedState", report_retry_count = c."reportRetryCount",
      post_started_at = c."postStartedAt", out_of_order_at = c."outOfOrderAt",
      connection_id = c."connectionId", external_id = c."externalId", contact_id = c."contactId",
      conversation_id = c."conversationId", email_message_id = c."emailMessageId", highlevel_message_id = c."highlevelMessageId"
    FROM json_to_recordset($2::json) AS c (
      id uuid, state message_state, "reasonCode" text, reason text, "heldForReviewAt" timestamptz,
      "nextAttemptAt" timestamptz, "retryCount" int, "reportedState" message_state, "reportRetryCount" int,
      "postStartedAt" timestamptz, "outOfOrderAt" timestamptz, "connectionId" uuid, "externalId" text, "contactId" text,
      "conversationId" text, "emailMessageId" text, "highlevelMessageId" text)
    WHERE messages.id = c.id)`;

/** One round trip for all tables: a batch is small, and its time is that of its round trips. `$1` is the time, each other one an array of JSON. */
const settleSql = `
  WITH ${updateMessagesCte},
  finished_attempts AS (
    UPDATE attempts SET ended_at = $1::timestamptz, outcome = e.outcome, code = e.code, reason = e.reason, response = e.response
    FROM json_to_recordset($3::json) AS e (id uuid, outcome attempt_outcome, code text, reason text, response text)
    WHERE attempts.id = e.id
    RETURNING attempts.message_id, attempts.outcome),
  ${insertAcceptedEventsCte('$1', '$2', 'finished_attempts')},
  inserted_report_attempts AS (
    INSERT INTO report_attempts (id, message_id, state, attempted_at, accepted, http_status, trace_id, response)
    SELECT id, "messageId", state, $1::timestamptz, accepted, "httpStatus", "traceId", response
    FROM json_to_recordset($4::json) AS r (
      id uuid, "messageId" uuid, state message_state, accepted boolean, "httpStatus" int, "traceId" text, response text)),
  upserted_addresses AS (
    INSERT INTO contact_addresses (location_id, address, contact_id, updated_at)
    SELECT "locationId", address, "contactId", $1::timestamptz
    FROM json_to_recordset($5::json) AS i ("locationId" text, address text, "contactId" text)
    -- The newest contact of an address counts, except where the address is bound to its contact.
    ON CONFLICT (location_id, address) DO UPDATE SET contact_id = EXCLUDED.contact_id, updated_at = EXCLUDED.updated_at
    WHERE contact_addresses.contact_id <> EXCLUDED.contact_id AND contact_addresses.bound_at IS NULL),
  ${finishJobsCte('$6')},
  ${insertJobsCte('$7')},
  claims AS (
    SELECT * FROM json_to_recordset($8::json) AS c (id uuid, "messageId" uuid, "copyId" uuid, part smallint, "partCount" smallint)),
  claimed_receipts AS (
    UPDATE receipts SET message_id = c."messageId", part = c.part, part_count = c."partCount"
    FROM claims c WHERE receipts.id = c.id AND c."copyId" IS NULL),
  -- Another message has had the same vendor's id, and keeps the receipt, too.
  copied_receipts AS (
    INSERT INTO receipts (id, connection_id, message_id, external_id, state, recipient, part, part_count, code, reason, occurred_at, received_at,
      event_order)
    SELECT c."copyId", connection_id, c."messageId", external_id, state, recipient, c.part, c."partCount", code, reason, occurred_at,
      $1::timestamptz, event_order
    FROM receipts JOIN claims c ON c.id = receipts.id WHERE c."copyId" IS NOT NULL),
  inserted_external_ids AS (
    INSERT INTO external_ids (connection_id, external_id, message_id, part, created_at)
    SELECT "connectionId", "externalId", "messageId", part, $1::timestamptz
    FROM json_to_recordset($9::json) AS x ("connectionId" uuid, "externalId" text, "messageId" uuid, part smallint)
    -- The vendor may give a repeat, or a message that a person had resent, the same id again.
    ON CONFLICT (message_id, external_id) DO UPDATE SET part = EXCLUDED.part, created_at = EXCLUDED.created_at)
  SELECT ended_jobs.count FROM ended_jobs, notified`;
