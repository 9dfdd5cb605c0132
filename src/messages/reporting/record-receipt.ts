import type { ReceiptContent } from '../../channels/channel.ts';
import { fitId } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { capFutureTime } from '../../core/foreign.ts';
import type { NewId } from '../../core/ids.ts';
import { sanitizeFields } from '../../core/sanitize.ts';
import type { Database, Executor, Message } from '../../database/client.ts';
import { isDataError } from '../../database/errors.ts';
import type { NewJob } from '../../queue/job.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import { applyReceipts } from '../model/apply-receipts.ts';
import { filterMessageLevelReceipts, parseRecipients } from '../model/recipients.ts';
import type { MessageChange } from '../model/transitions.ts';
import { lockExternalIds, lockMessages } from '../settlement/locks.ts';
import { possiblyAcceptedCondition, storeReceipts, trimUnnamedReceipts } from '../settlement/receipt-rows.ts';

/**
 * Stores a vendor's receipt and applies it to its message. A receipt may come before the response to our send: then it is applied when
 * that response names the message. Receipts are idempotent and commute: repeats and any order lead to the same state.
 *
 * @throws AppError `overloaded`
 */
export type RecordReceipt = (connection: { id: string }, receipt: ReceiptContent) => Promise<void>;

export interface RecordReceiptDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  /** @param expectMore messages of which more receipts are likely to come at once, so that their reports wait for these */
  updateMessages(
    tx: Executor,
    changes: ReadonlyMap<string, MessageChange>,
    expectMore: ReadonlySet<string | null>,
  ): Promise<void>;
  toRecipientsReportJob(email: Pick<Message, 'id' | 'locationId' | 'createdAt'>): NewJob;
}

const batchLimits = { maxBatchSize: 200, maxQueued: 2_000 };
/** Number of unmatched receipts after which this process trims the stored ones. */
const trimThreshold = 5_000;

/** Creates the recorder of receipts. Receipts that arrive together are one commit. */
export function createReceiptRecorder(deps: RecordReceiptDeps): RecordReceipt {
  let unmatchedCount = 0;
  const record = createBatcher<{ connectionId: string; receipt: ReceiptContent }, void>({
    ...batchLimits,
    async run(items) {
      unmatchedCount += await recordBatch(deps, items);
      if (unmatchedCount >= trimThreshold) {
        unmatchedCount = 0;
        await trimUnnamedReceipts(deps.db);
      }
      return items.map(() => undefined);
    },
    isItemError: isDataError,
  });
  return (connection, receipt) => record({ connectionId: connection.id, receipt });
}

/** @returns the number of receipts that match no message */
async function recordBatch(
  deps: RecordReceiptDeps,
  items: readonly { connectionId: string; receipt: ReceiptContent }[],
): Promise<number> {
  const receivedAt = dateNow(deps.clock);
  const rows = items.map(({ connectionId, receipt }) =>
    sanitizeFields({
      id: deps.newId(),
      connectionId,
      claimedMessageId: receipt.messageId ?? null,
      externalId: receipt.externalId ? fitId(receipt.externalId) : null,
      state: receipt.state,
      recipient: receipt.recipient ?? null,
      code: receipt.error?.code ?? null,
      reason: receipt.error?.message ?? null,
      occurredAt: capFutureTime(receipt.occurredAt, deps.clock.now()) ?? null,
      receivedAt,
    }),
  );
  return deps.db.transaction(async (tx) => {
    await lockExternalIds(
      tx,
      rows.flatMap(({ connectionId, externalId }) => (externalId ? { connectionId, externalId } : [])),
    );
    const found = await matchMessages(tx, rows);
    const matched = rows.map(({ claimedMessageId, externalId, ...row }) => {
      const messageId = found.get(row.id) ?? null;
      // A receipt that names our id belongs to that message only, even if the vendor gives its own id to another.
      return { ...row, messageId, externalId: messageId !== null && claimedMessageId !== null ? null : externalId };
    });
    const ids = [...new Set(matched.flatMap(({ messageId }) => messageId ?? []))];
    // A concurrent resend, or a receipt of another recipient, holds this lock; its result must be visible here.
    if (matched.some(({ state, recipient }) => state === 'failed' || recipient !== null)) await lockMessages(tx, ids);
    const staleIds = await findStaleFailures(tx, matched);
    const fresh = matched.filter(({ id }) => !staleIds.has(id));
    const messageLevel = await filterMessageLevelReceipts(tx, fresh);
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
      fresh.filter(({ messageId, externalId }) => messageId !== null || externalId !== null),
    );
    await reportRecipients(deps, tx, messageIdsWithRecipient);
    return fresh.filter(({ messageId }) => messageId === null).length;
  });
}

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

/**
 * Matches receipts to messages of the same connection: an id that this vendor was never given proves no match. Of several messages to
 * which the vendor gave one id, the one whose attempt started last is matched.
 */
async function matchMessages(
  tx: Executor,
  rows: readonly { id: string; connectionId: string; claimedMessageId: string | null; externalId: string | null }[],
): Promise<Map<string, string>> {
  const found = await tx.$queryRawUnsafe<{ id: string; messageId: string }[]>(messagesSql, JSON.stringify(rows));
  return new Map(found.map(({ id, messageId }) => [id, messageId]));
}

/** Bounds the cost of a receipt of a vendor that gives all its messages one id. */
const maxSameIds = 10;

const messagesSql = `
  SELECT r.id, COALESCE(
    (SELECT a.message_id FROM attempts a WHERE a.message_id = r."claimedMessageId" AND a.connection_id = r."connectionId" LIMIT 1),
    (SELECT same.id FROM (
       SELECT m.id FROM messages m WHERE r."claimedMessageId" IS NULL AND m.connection_id = r."connectionId"
         AND m.external_id = r."externalId" AND m.direction = 'outbound' ORDER BY m.id DESC LIMIT ${maxSameIds}) AS same
     ORDER BY (
       SELECT max(a.event_order) FROM attempts a
       WHERE a.message_id = same.id AND a.connection_id = r."connectionId" AND ${possiblyAcceptedCondition('a')}) DESC NULLS LAST,
       same.id DESC LIMIT 1)) AS "messageId"
  FROM json_to_recordset($1::json) AS r (id uuid, "connectionId" uuid, "claimedMessageId" uuid, "externalId" text)`;

/**
 * Finds failures of an earlier send of messages that have been resent since: repeats, or failures that came before the first attempt of
 * the current send. The messages are locked.
 */
async function findStaleFailures(
  tx: Executor,
  receipts: readonly {
    id: string;
    messageId: string | null;
    state: string;
    recipient: string | null;
    occurredAt: Date | null;
  }[],
): Promise<Set<string>> {
  const failures = receipts.filter(({ messageId, state }) => messageId && state === 'failed');
  if (failures.length === 0) return new Set();
  const stale = await tx.$queryRawUnsafe<{ id: string }[]>(
    `SELECT f.id FROM json_to_recordset($1::json) AS f (id uuid, "messageId" uuid, recipient text, "occurredAt" timestamptz)
     JOIN messages m ON m.id = f."messageId"
     WHERE m.idempotency_reset_at IS NOT NULL AND (
       NOT EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = m.id AND a.started_at >= m.idempotency_reset_at)
       OR EXISTS (
         SELECT 1 FROM receipts r
         WHERE r.message_id = m.id AND r.received_at < m.idempotency_reset_at AND r.state = 'failed' AND r.occurred_at = f."occurredAt"
           AND r.recipient IS NOT DISTINCT FROM f.recipient))`,
    JSON.stringify(failures),
  );
  return new Set(stale.map(({ id }) => id));
}
