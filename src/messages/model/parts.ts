import type { SqlExecutor } from '../../database/client.ts';
import { queryJsonRows } from '../../database/json-rows.ts';
import { advance, type MessageState } from './state.ts';

/** A receipt of one part of a message that was sent in several, or of a whole message (`part` null). */
export interface PartReceipt {
  readonly part: number | null;
  readonly partCount: number | null;
  readonly state: MessageState;
  readonly code: string | null;
  readonly reason: string | null;
}

/** The state of a message as its parts have it, with the reason of a failure. */
export type PartsState = Pick<PartReceipt, 'state' | 'code' | 'reason'>;

/**
 * Computes the state of a message from the receipts of its parts: delivered when all parts are, read when all have arrived and the last one was
 * read, failed when any part has. Repeats and any order lead to the same state.
 */
export function computePartsState(receipts: readonly PartReceipt[]): PartsState {
  const count = Math.max(1, ...receipts.map(({ partCount }) => partCount ?? 1));
  const parts = Array.from({ length: count }, (): PartsState => ({ state: 'pending', code: null, reason: null }));
  for (const { part, state, code, reason } of receipts) {
    const current = part === null ? undefined : parts[part];
    if (!current || part === null || advance(current.state, state) === current.state) continue;
    parts[part] = { state, code, reason };
  }
  const failed = parts.findIndex(({ state }) => state === 'failed');
  if (failed >= 0) {
    const { code = null, reason = null } = parts[failed] ?? {};
    return { state: 'failed', code, reason: `Part ${failed + 1} of ${count}: ${reason ?? 'it was not delivered.'}` };
  }
  if (parts.some(({ state }) => state === 'pending')) return { state: 'pending', code: null, reason: null };
  return { state: parts.at(-1)?.state ?? 'pending', code: null, reason: null };
}

interface MessagePartReceipt extends PartReceipt {
  readonly id: string;
  readonly messageId: string | null;
}

/**
 * Replaces the receipts of parts by at most one receipt a message, with the state that all its parts have together. Makes no query where
 * no receipt is of a part.
 *
 * @param receipts new ones; their messages are locked, so that concurrent receipts of two parts see each other
 */
export async function mergePartReceipts<R extends MessagePartReceipt>(tx: SqlExecutor, receipts: readonly R[]): Promise<R[]> {
  const ofParts = receipts.filter(({ messageId, partCount }) => messageId !== null && (partCount ?? 1) > 1);
  if (ofParts.length === 0) return [...receipts];
  const messageIds = [...new Set(ofParts.map(({ messageId }) => messageId as string))];
  const stored = await queryJsonRows<PartReceipt & { messageId: string }>(tx, storedPartsSql, [messageIds], {});
  const merged = messageIds.flatMap((id) => {
    const own = ofParts.filter(({ messageId }) => messageId === id);
    const earlier = stored.filter(({ messageId }) => messageId === id);
    const { state, code, reason } = computePartsState([...earlier, ...own]);
    const last = own.at(-1);
    return last && state !== 'pending' ? [{ ...last, state, code, reason }] : [];
  });
  return [...receipts.filter((receipt) => !ofParts.includes(receipt)), ...merged];
}

/** Those of the current send: others are from before a resend. */
const storedPartsSql = `
  SELECT r.message_id AS "messageId", r.part, r.part_count AS "partCount", r.state, r.code, r.reason
  FROM receipts r JOIN messages m ON m.id = r.message_id
  WHERE m.id = ANY ($1::uuid[]) AND r.part IS NOT NULL AND (m.idempotency_reset_at IS NULL OR r.received_at >= m.idempotency_reset_at)`;
