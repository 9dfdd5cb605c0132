import type { OutboundMessage, ReceiptContent, SendOutcome } from '../channel.ts';
import { createMessageId } from '../mail/message-id.ts';
import { type ApiContext, requestMailgun } from './api.ts';
import { toReceipt } from './events.ts';
import { type EventRecord, readEvents } from './records.ts';

const maxEvents = '300';

/**
 * Finds a send whose response was lost in Mailgun's list of events, by its Message-ID.
 *
 * @returns null when Mailgun lists no such message, or can't be asked, as with a sending key; it lists a new one within about a minute
 */
export async function lookUpSend(context: ApiContext, message: OutboundMessage): Promise<SendOutcome | null> {
  const id = createMessageId(message.idempotencyKey, context.connection.config.domain);
  const events = await listEvents(context, id);
  if (events.length === 0) return null;
  return { kind: 'accepted', externalIds: [id] };
}

/**
 * Asks Mailgun for the state of an email. One receipt holds one state: of an email to several, all recipients must share it; where they do
 * not, one that was delivered counts.
 *
 * @returns null while it is on its way, and when Mailgun does not say
 */
export async function lookUpReceipt(context: ApiContext, externalId: string): Promise<ReceiptContent | null> {
  const { openedIsRead } = context.connection.config;
  const receipts = (await listEvents(context, externalId)).flatMap((event) => toReceipt(event, openedIsRead) ?? []);
  const final = receipts.filter(({ state }) => state !== 'accepted');
  const accepted = new Set(receipts.flatMap(({ recipient }) => recipient?.toLowerCase() ?? []));
  const best = final.find(({ state }) => state === 'delivered' || state === 'read');
  if (best) return best;
  const failed = new Map(final.map((receipt) => [receipt.recipient?.toLowerCase() ?? '', receipt]));
  const [first] = failed.values();
  if (!first || [...accepted].some((recipient) => !failed.has(recipient) && !failed.has(''))) return null;
  return accepted.size > 1 ? { ...first, recipient: undefined } : first;
}

async function listEvents(context: ApiContext, messageId: string): Promise<EventRecord[]> {
  const { domain } = context.connection.config;
  const query = { 'message-id': messageId, limit: maxEvents };
  const response = await requestMailgun(context, { path: `/v3/${domain}/events`, query });
  if (response.kind !== 'ok') return [];
  return readEvents(response.body).filter(({ externalId, isRouted }) => externalId === messageId && !isRouted);
}
