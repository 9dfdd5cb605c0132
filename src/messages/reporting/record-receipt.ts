import type { ReceiptContent } from '../../channels/channel.ts';
import { fitId } from '../../core/bounds.ts';
import { dateNow } from '../../core/clock.ts';
import { capFutureTime } from '../../core/foreign.ts';
import type { NewId } from '../../core/ids.ts';
import { sanitizeFields } from '../../core/sanitize.ts';
import type { Executor } from '../../database/client.ts';
import { isDataError } from '../../database/errors.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import { applyReceipts } from '../model/apply-receipts.ts';
import { type StoreDeps, toRecipientsReportJob } from '../model/message-jobs.ts';
import { filterMessageLevelReceipts, parseRecipients } from '../model/recipients.ts';
import type { MessageChange } from '../model/transitions.ts';
import { lockExternalIds, lockMessages } from '../settlement/locks.ts';
import { possiblyAcceptedCondition, storeReceipts, trimUnnamedReceipts } from '../settlement/receipt-rows.ts';
import { updateMessages } from '../settlement/update-messages.ts';

/**
 * Keeps what a far side says of a message, and applies it if the message is known. A receipt may come before the answer to our own
 * send: it is kept and applied when that answer names the message. Any order and any number of repeats end in the same state.
 *
 * @throws AppError `overloaded`
 */
export type RecordReceipt = (connection: { id: string }, receipt: ReceiptContent) => Promise<void>;

const batchLimits = { maxBatchSize: 200, maxQueued: 2_000 };
/** After so many receipts that name no message this process looks whether there are too many. */
const trimThreshold = 5_000;

/** Receipts that arrive together are one commit. */
export function createReceiptRecorder(deps: StoreDeps & { newId: NewId }): RecordReceipt {
  let unnamed = 0;
  const record = createBatcher<{ connectionId: string; receipt: ReceiptContent }, void>({
    ...batchLimits,
    async run(items) {
      unnamed += await recordBatch(deps, items);
      if (unnamed >= trimThreshold) {
        unnamed = 0;
        await trimUnnamedReceipts(deps.db);
      }
      return items.map(() => undefined);
    },
    isItemError: isDataError,
  });
  return (connection, receipt) => record({ connectionId: connection.id, receipt });
}

/** @returns how many of them name no message */
async function recordBatch(
  deps: StoreDeps & { newId: NewId },
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
      // What names its message by our id is of no other, whoever else is given the vendor's.
      return { ...row, messageId, externalId: messageId !== null && claimedMessageId !== null ? null : externalId };
    });
    const ids = [...new Set(matched.flatMap(({ messageId }) => messageId ?? []))];
    // Whoever is just having a message sent again, or hears of another recipient of it, has locked it: what he makes of it is to be seen.
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
    // The messages are locked first: a stored receipt holds a share of its message, and two who hold one can't both lock it.
    await updateMessages(deps, tx, new Map(changes), messageIdsWithRecipient);
    await storeReceipts(
      tx,
      fresh.filter(({ messageId, externalId }) => messageId !== null || externalId !== null),
    );
    await reportRecipients(deps, tx, messageIdsWithRecipient);
    return fresh.filter(({ messageId }) => messageId === null).length;
  });
}

/** What became of one recipient is news for HighLevel, even where the message as a whole stands as before. */
async function reportRecipients(deps: StoreDeps, tx: Executor, messageIds: ReadonlySet<string | null>): Promise<void> {
  const ids = [...messageIds].filter((id) => id !== null);
  if (ids.length === 0) return;
  const where = { id: { in: ids }, messageType: 'email', highlevelMessageId: { not: null } } as const;
  const emails = await tx.message.findMany({ where, select: { id: true, locationId: true, createdAt: true, to: true } });
  await enqueue(
    tx,
    emails.filter(({ to }) => parseRecipients(to).length > 1).map((email) => toRecipientsReportJob(deps, email)),
  );
}

/**
 * Finds the messages that receipts are of. Only those of the same connection: an id that a vendor was never given proves nothing. Of
 * several messages that a vendor has given one id, it is of the one whose attempt began last.
 */
async function matchMessages(
  tx: Executor,
  rows: readonly { id: string; connectionId: string; claimedMessageId: string | null; externalId: string | null }[],
): Promise<Map<string, string>> {
  const found = await tx.$queryRawUnsafe<{ id: string; messageId: string }[]>(messagesSql, JSON.stringify(rows));
  return new Map(found.map(({ id, messageId }) => [id, messageId]));
}

/** A vendor that gives all its messages one id must not make each receipt slow. */
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
 * Failures of an earlier sending, of messages that are locked: told once more after their message was sent again, or before any attempt
 * of the present one has begun.
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
