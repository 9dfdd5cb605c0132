import { splitAddressList } from '../../channels/mail/addresses.ts';
import { stripDisplayName, toMailKey } from '../../core/address.ts';
import type { Message, SqlExecutor } from '../../database/client.ts';
import { queryJsonRows } from '../../database/json-rows.ts';
import { listQueued } from '../../queue/sql/list-queued.ts';
import { advance, type MessageState } from './state.ts';

/** A receipt of one recipient, or of all (null). With the state `pending` it is a note: accepted, or delayed. */
export interface RecipientReceipt {
  readonly state: MessageState;
  readonly recipient: string | null;
  readonly code: string | null;
  readonly reason: string | null;
}

export interface RecipientState {
  readonly address: string;
  readonly state: MessageState;
  /** What the state is known from: the code of a failure, of a proof, or of a note. */
  readonly code: string | null;
  readonly reason: string | null;
}

/** Codes of notes on a recipient whose delivery is not known yet. */
export const recipientNotes = { accepted: 'recipient_accepted', delayed: 'delayed' } as const;

/** Parses the addresses of an email, without the names. */
export function parseRecipients(to: string | null): string[] {
  const addresses = splitAddressList(to ?? '').map((entry) => stripDisplayName(entry).trim());
  return addresses.filter((address) => address.includes('@'));
}

/** Computes the state of each recipient of an email. Receipts are idempotent and commute: repeats and any order lead to the same states. */
export function computeRecipientStates(to: string | null, receipts: readonly RecipientReceipt[]): RecipientState[] {
  return parseRecipients(to).map((address) => {
    let [state, code, reason]: [MessageState, string | null, string | null] = ['pending', null, null];
    for (const receipt of receipts) {
      if (receipt.recipient !== null && !isSameRecipient(receipt.recipient, address)) continue;
      const nextState = advance(state, receipt.state, 'email');
      // A delay is newer than the acceptance, whichever is known first.
      const isNote = nextState === 'pending' && code !== recipientNotes.delayed;
      if (nextState !== state || isNote) [code, reason] = [receipt.code, receipt.reason];
      state = nextState;
    }
    return { address, state, code, reason };
  });
}

/**
 * Lists the recipients of an email as the pages and HighLevel show them. A single recipient has the state of the message. The vendor's response
 * to the send is about all of whom no receipt speaks, and so is a failure of the message.
 */
export function listRecipientStates(
  { to, state, reasonCode, reason }: Pick<Message, 'to' | 'state' | 'reasonCode' | 'reason'>,
  receipts: readonly RecipientReceipt[],
): RecipientState[] {
  const states = computeRecipientStates(to, receipts);
  const isOfAll = states.length < 2 || receipts.every(({ recipient }) => recipient === null);
  return states.map((one) =>
    one.state !== state && (isOfAll || (one.state === 'pending' && state === 'failed'))
      ? { ...one, state, code: reasonCode, reason }
      : one,
  );
}

/** State of an email, from those of its recipients: read or delivered when it is for one, failed when it is for each. */
function summarizeRecipients(states: readonly RecipientState[]): Omit<RecipientState, 'address'> {
  const find = (sought: MessageState) => states.find(({ state }) => state === sought);
  const best = find('read') ?? find('delivered') ?? (states.every(({ state }) => state === 'failed') ? states[0] : undefined);
  return best ?? { state: 'pending', code: null, reason: null };
}

/** Returns whether an email with several recipients is still to be sent to one of them. */
function isOpen({ state, code }: RecipientState): boolean {
  return state === 'pending' && code === null;
}

function isSameRecipient(named: string, address: string): boolean {
  return toMailKey(parseRecipients(named)[0] ?? named) === toMailKey(address);
}

/** Selects the receipts of the current send: those from before a resend are of an earlier one. */
export function selectReceiptsSince<R extends { receivedAt: Date }>(
  idempotencyResetAt: Date | null,
  receipts: readonly R[],
): R[] {
  return receipts.filter(({ receivedAt }) => idempotencyResetAt === null || receivedAt >= idempotencyResetAt);
}

interface MessageReceipt extends RecipientReceipt {
  readonly messageId: string | null;
}

/** A receipt as it counts for the whole message. */
export type MessageLevelReceipt = Omit<MessageReceipt, 'recipient'>;

/**
 * Replaces the receipts of an email's single recipients by at most one a message, with the state that all recipients have together. Receipts of a
 * copy, whose address is not one of the email's, are left out. While the email is still to be sent to a recipient, it stays pending: otherwise
 * its next attempt would be cancelled. Makes no query where no receipt names a recipient.
 *
 * @param receipts new ones: not stored yet, or not as their message's. Their messages are locked, so that concurrent receipts of two
 *   recipients see each other
 * @param sentIds messages whose send ends now; their stored receipts count too
 */
export async function mergeRecipientReceipts(
  tx: SqlExecutor,
  receipts: readonly MessageReceipt[],
  sentIds: ReadonlySet<string> = new Set(),
): Promise<MessageLevelReceipt[]> {
  const named = receipts.flatMap(({ recipient, messageId }) => (recipient !== null && messageId ? messageId : []));
  const messageIds = [...new Set([...named, ...sentIds])];
  if (messageIds.length === 0) return [...receipts];
  const emails = await loadEmails(tx, messageIds);
  const merged = emails.flatMap(({ id, to, heldForReviewAt, isQueued, receipts: stored }) => {
    const own = receipts.filter(({ messageId }) => messageId === id);
    const states = computeRecipientStates(to, [...stored, ...own]);
    const isUnsent = (isQueued || heldForReviewAt !== null) && !sentIds.has(id) && states.length > 1 && states.some(isOpen);
    const { state, code, reason } = summarizeRecipients(states);
    return isUnsent || state === 'pending' ? [] : [{ messageId: id, state, code, reason }];
  });
  const mergedIds = new Set(emails.map(({ id }) => id));
  return [...receipts.filter(({ messageId }) => !mergedIds.has(messageId ?? '')), ...merged];
}

type StoredEmail = Pick<Message, 'id' | 'to' | 'heldForReviewAt'>;

/** Loads emails with the receipts of the current send. One whose address came from its contact has one recipient, in any spelling, as a text message has. */
async function loadEmails(tx: SqlExecutor, ids: readonly string[]) {
  const emails = await queryJsonRows<StoredEmail>(tx, emailsSql, [ids], { heldForReviewAt: 'time' });
  const receipts = await queryJsonRows<RecipientReceipt & { messageId: string }>(tx, receiptsSql, [ids], {});
  const queued = await listQueued(tx, 'deliver', ids);
  return emails
    .filter(({ to }) => parseRecipients(to).length > 0)
    .map((email) => ({
      ...email,
      isQueued: queued.has(email.id),
      receipts: receipts.filter(({ messageId }) => messageId === email.id),
    }));
}

const emailsSql = `
  SELECT id, "to", held_for_review_at AS "heldForReviewAt" FROM messages WHERE id = ANY ($1::uuid[]) AND message_type = 'email'`;

const receiptsSql = `
  SELECT r.message_id AS "messageId", r.state, r.recipient, r.code, r.reason
  FROM receipts r JOIN messages m ON m.id = r.message_id
  WHERE m.id = ANY ($1::uuid[]) AND (m.idempotency_reset_at IS NULL OR r.received_at >= m.idempotency_reset_at)
  ORDER BY r.received_at, r.id`;
