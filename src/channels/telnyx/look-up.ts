import type { IsOfAnother, OutboundMessage, ReceiptContent, SendOutcome } from '../channel.ts';
import { type ApiContext, listRows, requestTelnyx } from './api.ts';
import { isUuid } from './config.ts';
import { chooseRoute, type Part, type Route, splitMessage } from './parts.ts';
import { type MessageRecord, readDetailRecord, readMessageRecord } from './records.ts';
import { findState, getStatus, toFailure, toRecordOutcome } from './states.ts';

/** The clocks of Telnyx and of this machine differ. */
const clockSkewMs = 5_000;
/** The largest page of the detail records. */
const pageSize = 50;
/** Bounds the calls: each candidate is read on its own, for its text. */
const maxCandidates = 10;

/**
 * Finds a send whose response was lost: in the detail records by recipient and time, and then by the text of each message. Telnyx has no list
 * of messages, and its detail records have no text and come late.
 *
 * @returns null when Telnyx knows no such message yet, or can't be asked
 */
export async function lookUpSend(
  context: ApiContext,
  message: OutboundMessage,
  since: Date,
  isOfAnother: IsOfAnother = async () => false,
): Promise<SendOutcome | null> {
  const route = chooseRoute(context.connection.config, message);
  const parts = splitMessage(message);
  const sent = message.acceptedParts;
  const part = parts[sent.length];
  if (!part) return null;
  const from = new Date(since.getTime() - clockSkewMs);
  const candidates = await listCandidates(context, message.to, from, sent);
  for (const id of candidates) {
    // An equal message just before it, within the clock skew, has an id of its own.
    const record = (await isOfAnother(id)) ? null : await findMessage(context, id);
    if (!record || !isSameMessage(record, message.to, part, route)) continue;
    const externalIds = [...sent, id];
    const outcome = toRecordOutcome(record, externalIds, route.isOwnSender);
    if (outcome.kind === 'rejected') return outcome;
    // Telnyx has ended the message, also where a new one could succeed.
    if (findState(getStatus(record)) === 'failed') {
      return { kind: 'rejected', ...toFailure(getStatus(record) ?? 'failed', record.errors[0]), isAuthoritative: true };
    }
    // The next attempt sends the parts that follow.
    if (externalIds.length === parts.length) return outcome;
    const reason = `Telnyx has sent ${externalIds.length} of ${parts.length} parts.`;
    return { kind: 'unavailable', code: 'parts_left', message: reason, acceptedParts: externalIds };
  }
  return null;
}

async function listCandidates(context: ApiContext, to: string, from: Date, known: readonly string[]): Promise<string[]> {
  const query = {
    'filter[record_type]': 'messaging',
    'filter[created_at][gte]': from.toISOString(),
    'filter[cld][contains]': to.replace(/^\+/, ''),
    sort: '-created_at',
  };
  for await (const page of listRows(context, { path: '/detail_records', query }, pageSize)) {
    if ('problem' in page) return [];
    const found = page.rows
      .map(readDetailRecord)
      .filter((record) => record.direction !== 'inbound' && record.createdAt !== undefined && record.createdAt >= from)
      .filter((record) => record.to?.replace(/^\+/, '') === to.replace(/^\+/, ''))
      .flatMap(({ uuid }) => (uuid !== undefined && isUuid(uuid) && !known.includes(uuid) ? [uuid] : []));
    return [...new Set(found)].slice(0, maxCandidates);
  }
  return [];
}

async function findMessage(context: ApiContext, id: string): Promise<MessageRecord | null> {
  const response = await requestTelnyx(context, { path: `/messages/${id}` });
  return response.kind === 'ok' ? readMessageRecord(response.data) : null;
}

function isSameMessage(record: MessageRecord, to: string, part: Part, route: Route): boolean {
  return (
    record.direction !== 'inbound' &&
    record.to.some(({ phoneNumber }) => phoneNumber === to) &&
    // A messaging profile chooses its number itself.
    (route.from === undefined || record.from === undefined || record.from === route.from) &&
    record.text === part.text &&
    record.mediaCount === part.mediaUrls.length
  );
}

/** Asks Telnyx for the state of a message, of the last ten days. @returns null while it is on its way, and when Telnyx does not say */
export async function lookUpReceipt(context: ApiContext, externalId: string): Promise<ReceiptContent | null> {
  // Any other text would lead to another address.
  if (!isUuid(externalId)) return null;
  const record = await findMessage(context, externalId);
  const status = record ? getStatus(record) : undefined;
  const state = findState(status);
  if (!record || state === undefined || state === 'accepted') return null;
  const error = state === 'failed' ? toFailure(status ?? state, record.errors[0]) : undefined;
  return { externalId, state, error, occurredAt: record.completedAt };
}
