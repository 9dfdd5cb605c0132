import type { ReceiptContent } from '../../channels/channel.ts';
import { toMailKey } from '../../core/address.ts';
import { fitId } from '../../core/bounds.ts';
import { dateNow } from '../../core/clock.ts';
import { capFutureTime } from '../../core/foreign.ts';
import type { NewId } from '../../core/ids.ts';
import { sanitizeFields } from '../../core/sanitize.ts';
import type { Database, Executor, Message } from '../../database/client.ts';
import { isDataError } from '../../database/errors.ts';
import type { NewJob } from '../../queue/job.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import { applyReceipts } from '../model/apply-receipts.ts';
import { mergePartReceipts } from '../model/parts.ts';
import { mergeRecipientReceipts, parseRecipients, recipientNotes } from '../model/recipients.ts';
import type { MessageChange } from '../model/transitions.ts';
import { lockExternalIds, lockMessages } from '../settlement/locks.ts';
import { possiblyAcceptedCondition, storeReceipts, trimUnnamedReceipts } from '../settlement/receipt-rows.ts';
import { type ConfirmSendDeps, confirmSends } from './confirm-sends.ts';

/**
 * Stores a vendor's receipt and applies it to its message. A receipt may come before the response to our send: then it is applied when
 * that response names the message. Receipts are idempotent and commute: repeats and any order lead to the same state.
 *
 * @throws AppError `overloaded`
 */
export type RecordReceipt = (connection: { id: string }, receipt: ReceiptContent) => Promise<void>;

export interface RecordReceiptDeps extends ConfirmSendDeps {
  db: Database;
  newId: NewId;
  /** @param expectMore messages of which more receipts are likely to come at once, so that their reports wait for these */
  updateMessages(
    tx: Executor,
    changes: ReadonlyMap<string, MessageChange>,
    expectMore: ReadonlySet<string | null>,
  ): Promise<void>;
  toRecipientsReportJob(email: Pick<Message, 'id' | 'locationId' | 'createdAt'>): NewJob;
  /** Records how long a receipt took, where messages are traced. */
  traceReceipt?: ((messageId: string, durationMs: number, state: string) => void) | undefined;
}

const batchLimits = { maxBatchSize: 200, maxQueued: 2_000 };
/** Number of unmatched receipts after which this process trims the stored ones. */
const trimThreshold = 5_000;

/** Creates the recorder of receipts. Receipts that arrive together are one commit. */
export function createReceiptRecorder(deps: RecordReceiptDeps): RecordReceipt {
  let unmatchedCount = 0;
  const record = createBatcher<{ connectionId: string; receipt: ReceiptContent }, string | null>({
    ...batchLimits,
    async run(items) {
      const recorded = await recordBatch(deps, items);
      unmatchedCount += recorded.unmatchedCount;
      if (unmatchedCount >= trimThreshold) {
        unmatchedCount = 0;
        await trimUnnamedReceipts(deps.db);
      }
      return recorded.messageIds;
    },
    isItemError: isDataError,
  });
  return async (connection, receipt) => {
    const startedAt = deps.clock.elapsed();
    const messageId = await record({ connectionId: connection.id, receipt });
    if (messageId !== null) deps.traceReceipt?.(messageId, deps.clock.elapsed() - startedAt, receipt.state);
  };
}

/** @returns the message of each receipt, null without one, and how many were stored for a message that may be named later */
async function recordBatch(
  deps: RecordReceiptDeps,
  items: readonly { connectionId: string; receipt: ReceiptContent }[],
): Promise<{ messageIds: (string | null)[]; unmatchedCount: number }> {
  const rows = items.map((item) => toRow(deps, item));
  return deps.db.transaction(async (tx) => {
    await lockExternalIds(
      tx,
      rows.flatMap(({ connectionId, externalId }) => (externalId ? { connectionId, externalId } : [])),
    );
    const matches = await matchMessages(tx, rows);
    await confirmSends(deps, tx, rows, matches);
    const matched = rows.flatMap((row) => toMatched(row, matches.get(row.id)));
    const ids = [...new Set(matched.flatMap(({ messageId }) => messageId ?? []))];
    // A concurrent resend, or a receipt of another recipient or part, holds this lock; its result must be visible here.
    if (matched.some(({ state, recipient, partCount }) => state === 'failed' || recipient !== null || partCount !== null)) {
      await lockMessages(tx, ids);
    }
    const staleIds = await findStaleFailures(tx, matched);
    const fresh = matched.filter(({ id }) => !staleIds.has(id));
    const messageLevel = await mergeRecipientReceipts(tx, await mergePartReceipts(tx, fresh));
    const byMessage = Map.groupBy(
      messageLevel.filter(({ messageId }) => messageId !== null),
      ({ messageId }) => messageId as string,
    );
    const changes = [...byMessage].map(([id, receipts]): [string, MessageChange] => [
      id,
      (current) => applyReceipts(current, receipts),
    ]);
    const messageIdsWithRecipient = new Set(fresh.flatMap(({ messageId, recipient }) => (recipient ? messageId : [])));
    // Lock the messages first: inserting a receipt takes a share lock on its message, and two such holders that both upgrade it deadlock.
    await deps.updateMessages(tx, new Map(changes), messageIdsWithRecipient);
    await storeReceipts(
      tx,
      fresh.flatMap(({ vendorId: _, triesUntil: _until, ...receipt }) =>
        receipt.messageId !== null || receipt.externalId !== null ? receipt : [],
      ),
    );
    await extendQuietPeriods(tx, fresh);
    await reportRecipients(deps, tx, messageIdsWithRecipient);
    return {
      messageIds: rows.map(({ id }) => matches.get(id)?.messageId ?? null),
      unmatchedCount: fresh.filter(({ messageId }) => messageId === null).length,
    };
  });
}

function toRow(deps: RecordReceiptDeps, { connectionId, receipt }: { connectionId: string; receipt: ReceiptContent }) {
  return sanitizeFields({
    id: deps.newId(),
    connectionId,
    claimedMessageId: receipt.messageId ?? null,
    externalId: receipt.externalId ? fitId(receipt.externalId) : null,
    part: receipt.part?.index ?? null,
    partCount: receipt.part?.count ?? null,
    state: receipt.state,
    recipient: receipt.recipient ?? null,
    ...toWhy(receipt),
    triesUntil: receipt.triesUntil ?? null,
    occurredAt: capFutureTime(receipt.occurredAt, deps.clock.now()) ?? null,
    receivedAt: dateNow(deps.clock),
  });
}

function toWhy({ state, error, evidence }: ReceiptContent): { code: string | null; reason: string | null } {
  const why = error ?? evidence;
  return { code: state === 'delayed' ? recipientNotes.delayed : (why?.code ?? null), reason: why?.message ?? null };
}

/** Adds the message that a receipt is about. A receipt that only proves a send changes no state and is not stored. */
function toMatched({ claimedMessageId, externalId, state, ...row }: ReturnType<typeof toRow>, match: ReceiptMatch | undefined) {
  if (state === 'accepted') return [];
  const messageId = match?.messageId ?? null;
  const part = row.part ?? match?.part ?? null;
  const partCount = row.partCount ?? match?.partCount ?? null;
  return {
    ...row,
    state: state === 'delayed' ? ('pending' as const) : state,
    messageId,
    ...(partCount !== null && partCount > 1 ? { part, partCount } : { part: null, partCount: null }),
    // A receipt that names our id belongs to that message only, even if the vendor gives its own id to another.
    externalId: messageId !== null && claimedMessageId !== null ? null : externalId,
    vendorId: externalId,
  };
}

type MatchedRow = Exclude<ReturnType<typeof toMatched>, readonly unknown[]>;

/** Longest time for which mail servers try to deliver: five days in RFC 5321 4.5.4.1. */
const maxTryMs = 5 * 24 * 60 * 60 * 1000;

/** Lets the quiet periods of delayed recipients last as long as their server tries, with the time after which its failure is known. */
async function extendQuietPeriods(tx: Executor, receipts: readonly MatchedRow[]): Promise<void> {
  const delays = receipts.filter(({ messageId, state }) => messageId !== null && state === 'pending');
  if (delays.length === 0) return;
  const rows = delays.map(({ messageId, recipient, triesUntil, receivedAt }) => {
    const last = receivedAt.getTime() + maxTryMs;
    return {
      messageId,
      recipient: recipient === null ? '' : toMailKey(recipient),
      until: new Date(Math.min(triesUntil?.getTime() ?? last, last)),
    };
  });
  await tx.$executeRawUnsafe(extendQuietPeriodsSql, JSON.stringify(rows));
}

const extendQuietPeriodsSql = `
  UPDATE quiet_periods q SET ends_at = GREATEST(q.ends_at, d.until + q.period_ms * interval '1 ms'),
    due_at = GREATEST(q.due_at, d.until + q.period_ms * interval '1 ms')
  FROM (
    SELECT "messageId", recipient, max(until) AS until
    FROM json_to_recordset($1::json) AS d ("messageId" uuid, recipient text, until timestamptz) GROUP BY 1, 2) AS d
  WHERE q.message_id = d."messageId" AND (q.recipient = d.recipient OR q.recipient = '' OR d.recipient = '')`;

/** Enqueues reports of single recipients, which HighLevel needs even if the state of the whole email is unchanged. */
async function reportRecipients(deps: RecordReceiptDeps, tx: Executor, messageIds: ReadonlySet<string | null>): Promise<void> {
  const ids = [...messageIds].filter((id) => id !== null);
  if (ids.length === 0) return;
  const where = { id: { in: ids }, messageType: 'email', highlevelMessageId: { not: null } } as const;
  const emails = await tx.message.findMany({ where, select: { id: true, locationId: true, createdAt: true, to: true } });
  await enqueue(
    tx,
    emails.filter(({ to }) => parseRecipients(to).length > 1).map((email) => deps.toRecipientsReportJob(email)),
  );
}

/** The message of a receipt, and the part that the vendor's id stands for; null in a message that was sent as one. */
export interface ReceiptMatch {
  readonly id: string;
  readonly messageId: string;
  readonly part: number | null;
  readonly partCount: number | null;
}

/**
 * Matches receipts to messages of the same connection: an id that this vendor was never given proves no match. Of several messages to
 * which the vendor gave one id, the one whose attempt started last is matched.
 */
async function matchMessages(tx: Executor, rows: readonly ReturnType<typeof toRow>[]): Promise<Map<string, ReceiptMatch>> {
  const sought = rows.map(({ id, connectionId, claimedMessageId, externalId }) => ({
    id,
    connectionId,
    claimedMessageId,
    externalId,
  }));
  const found = await tx.$queryRawUnsafe<ReceiptMatch[]>(messagesSql, JSON.stringify(sought));
  return new Map(found.filter(({ messageId }) => messageId !== null).map((match) => [match.id, match]));
}

/** Bounds the cost of a receipt of a vendor that gives all its messages one id. */
const maxSameIds = 10;

const messagesSql = `
  WITH matched AS (
    SELECT r.id, r."externalId", COALESCE(
      (SELECT a.message_id FROM attempts a WHERE a.message_id = r."claimedMessageId" AND a.connection_id = r."connectionId" LIMIT 1),
      (SELECT same.message_id FROM (
         SELECT x.message_id FROM external_ids x WHERE r."claimedMessageId" IS NULL AND x.connection_id = r."connectionId"
           AND x.external_id = r."externalId" ORDER BY x.message_id DESC LIMIT ${maxSameIds}) AS same
       ORDER BY (
         SELECT max(a.event_order) FROM attempts a
         WHERE a.message_id = same.message_id AND a.connection_id = r."connectionId" AND ${possiblyAcceptedCondition('a')}) DESC NULLS LAST,
         same.message_id DESC LIMIT 1)) AS "messageId"
    FROM json_to_recordset($1::json) AS r (id uuid, "connectionId" uuid, "claimedMessageId" uuid, "externalId" text))
  SELECT matched.id, matched."messageId", own.part, own.count AS "partCount"
  FROM matched LEFT JOIN LATERAL (
    -- Ids from before a person had it resent are of an earlier send.
    SELECT max(x.part) FILTER (WHERE x.external_id = matched."externalId") AS part, count(*)::int AS count
    FROM external_ids x JOIN messages m ON m.id = x.message_id
    WHERE x.message_id = matched."messageId" AND x.created_at >= COALESCE(m.resent_at, '-infinity')) AS own ON true`;

/**
 * Finds failures of an earlier send of messages that have been resent since: repeats, or failures that came before the first attempt of
 * the current send, or of an id that the vendor gave to the earlier one. The messages are locked.
 */
async function findStaleFailures(
  tx: Executor,
  receipts: readonly {
    id: string;
    messageId: string | null;
    state: string;
    recipient: string | null;
    occurredAt: Date | null;
    vendorId: string | null;
  }[],
): Promise<Set<string>> {
  const failures = receipts.filter(({ messageId, state }) => messageId && state === 'failed');
  if (failures.length === 0) return new Set();
  const stale = await tx.$queryRawUnsafe<{ id: string }[]>(
    `SELECT f.id FROM json_to_recordset($1::json) AS f (id uuid, "messageId" uuid, recipient text, "occurredAt" timestamptz, "vendorId" text)
     JOIN messages m ON m.id = f."messageId"
     WHERE EXISTS (
       SELECT 1 FROM external_ids x WHERE x.message_id = m.id AND x.external_id = f."vendorId" AND x.created_at < m.resent_at)
     OR m.idempotency_reset_at IS NOT NULL AND (
       NOT EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = m.id AND a.started_at >= m.idempotency_reset_at)
       OR EXISTS (
         SELECT 1 FROM receipts r
         WHERE r.message_id = m.id AND r.received_at < m.idempotency_reset_at AND r.state = 'failed' AND r.occurred_at = f."occurredAt"
           AND r.recipient IS NOT DISTINCT FROM f.recipient))`,
    JSON.stringify(failures),
  );
  return new Set(stale.map(({ id }) => id));
}
