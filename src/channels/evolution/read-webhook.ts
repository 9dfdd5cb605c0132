import { createHash } from 'node:crypto';
import { maxChars } from '../../core/bounds.ts';
import { parseForeignJson, toList, toObject, toText, toTime } from '../../core/foreign.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import type { WebMessage } from '../whatsapp-web/inbound.ts';
import { findPerson, isPerson, parseJid, readMessageKey } from '../whatsapp-web/jid.ts';
import type { LinkState } from '../whatsapp-web/session-state.ts';
import { type Content, readContent } from './read-content.ts';
import { toLinkState } from './responses.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A message as an event describes it. */
export interface EventMessage extends WebMessage {
  /**
   * Key of the message that this one changes, whose author is that of the change. WhatsApp names the chat of an edit as its author sees it: that
   * of a contact is `fromMe`, in a chat with the account itself.
   */
  readonly changes?: string;
}

/** Content of a webhook. */
export interface WebhookContent {
  readonly messages: readonly EventMessage[];
  readonly receipts: readonly ReceiptContent[];
  readonly link: LinkState | null;
  /** Updates without content for us, by their reasons, for the log. */
  readonly ignored: readonly string[];
}

const nothing: WebhookContent = { messages: [], receipts: [], link: null, ignored: [] };

/**
 * Reads a webhook: one event with one row, or with several in older versions.
 *
 * @param instance name of the connection's instance: a webhook of the whole server brings the events of all
 * @throws AppError `payload_invalid`: not JSON
 */
export function readWebhook(body: Buffer, instance: string): WebhookContent {
  const event = toObject(parseForeignJson(body));
  const given = toText(event.instance);
  if (given !== undefined && given !== instance) return { ...nothing, ignored: ['other_instance'] };
  const rows = toList(event.data).map(toObject);
  // The names of events are written in two ways: `MESSAGES_UPSERT` and `messages.upsert`.
  switch ((toText(event.event) ?? '').toLowerCase().replace(/[_-]/g, '.')) {
    case 'messages.upsert':
    case 'send.message':
      return collect(rows, (row) => readMessage(row, event.sender));
    case 'messages.edited':
      return collect(rows, (row) => readEdit(row, event.sender));
    case 'messages.delete':
      return collect(rows, (row) => readDeletion(row, event.sender));
    case 'messages.update':
      return collect(rows, readUpdate);
    case 'connection.update':
      return readConnection(rows[0] ?? {});
    case 'status.instance':
      return toText(rows[0]?.status) === 'closed' ? { ...nothing, link: 'unlinked' } : nothing;
    case 'logout.instance':
    case 'remove.instance':
      return { ...nothing, link: 'unlinked' };
    default:
      return { ...nothing, ignored: ['other_event'] };
  }
}

type Row = { message: EventMessage } | { receipt: ReceiptContent } | { ignored: string };

function collect(rows: readonly Fields[], read: (row: Fields) => Row): WebhookContent {
  const results = rows.map(read);
  return {
    messages: results.flatMap((result) => ('message' in result ? [result.message] : [])),
    receipts: results.flatMap((result) => ('receipt' in result ? [result.receipt] : [])),
    link: null,
    ignored: results.flatMap((result) => ('ignored' in result ? [result.ignored] : [])),
  };
}

function readMessage(row: Fields, sender: unknown): Row {
  const key = toObject(row.key);
  const id = readMessageKey(key.id);
  return toMessage(row, key, sender, id, readContent(row.message, id, row.contextInfo), toTime(row.messageTimestamp));
}

function toMessage(
  row: Fields,
  key: Fields,
  sender: unknown,
  id: string | undefined,
  content: Content,
  at: Date | undefined,
): Row {
  const author = readAuthor(row, key);
  if (!author) return { ignored: parseJid(key.remoteJid) ? 'not_a_person' : 'unreadable' };
  const own = parseJid(sender);
  const ownPhone = own?.kind === 'phone' ? own.user : undefined;
  return { message: { key: id, ...author, ownPhone, at, ...content } };
}

/** Reads who has written a message, and the contact in whose chat it is. @returns null where the chat is not with one person */
function readAuthor(row: Fields, key: Fields): Pick<WebMessage, 'person' | 'isOwn' | 'name'> | null {
  const isOwn = toText(key.fromMe) === 'true';
  const alternates = [key.remoteJidAlt, ...(isOwn ? [] : [key.senderPn, key.participantAlt, key.senderLid])];
  const person = findPerson([key.remoteJid, ...alternates]);
  return person && { person, isOwn, name: isOwn ? undefined : toText(row.pushName) };
}

/** Reads the author of a message from the server's list of messages. @returns null where the list does not have it */
export function readStoredAuthor(body: unknown, id: string): ReturnType<typeof readAuthor> {
  const rows = toList(toObject(toObject(body).messages).records).map(toObject);
  const row = rows.find(({ key }) => readMessageKey(toObject(key).id) === id);
  return row ? readAuthor(row, toObject(row.key)) : null;
}

/** Reads an edit. The event comes for all kinds of notes of the protocol; only an edit has a new text. */
function readEdit(row: Fields, sender: unknown): Row {
  const key = toObject(row.key);
  const original = readMessageKey(key.id);
  const { text } = readContent(row.editedMessage, undefined, undefined);
  if (!original || !text) return { ignored: 'protocol_note' };
  const content = { text: `[Edited] ${text}`, attachments: [], replyTo: original };
  // The time may be an object of two halves.
  const hash = createHash('sha256')
    .update(JSON.stringify([row.timestampMs, text]))
    .digest('hex')
    .slice(0, 16);
  const result = toMessage(row, key, sender, `${original}-edited-${hash}`, content, toTime(row.timestampMs));
  return 'message' in result && result.message.isOwn ? { message: { ...result.message, changes: original } } : result;
}

function readDeletion(row: Fields, sender: unknown): Row {
  const key = { ...toObject(row.key), ...row };
  const original = readMessageKey(key.id);
  if (!original || toText(key.fromMe) === 'true') return { ignored: 'deleted' };
  const content = { text: '[Deleted a message]', attachments: [], replyTo: original };
  return toMessage({}, key, sender, `${original}-deleted`, content, undefined);
}

/** States by Evolution's word. `SERVER_ACK` is no proof, as updates without a state are reported under this name too. */
const states: Readonly<Record<string, ReceiptContent['state']>> = {
  ERROR: 'failed',
  DELIVERY_ACK: 'delivered',
  READ: 'read',
  PLAYED: 'read',
};

/** Restriction by WhatsApp, as a parameter of a failed message. */
const restrictedCode = '463';

/** Reads the state of a message that the account has sent; that of a contact's message comes in the same form. */
function readUpdate(row: Fields): Row {
  const key = toObject(row.key);
  const externalId = readMessageKey(row.keyId) ?? readMessageKey(key.id) ?? readMessageKey(row.id);
  const chat = parseJid(row.remoteJid) ?? parseJid(key.remoteJid);
  const word = (toText(row.status) ?? toText(toObject(row.update).status) ?? '').toUpperCase();
  if (!externalId || externalId.length > maxChars.externalId) return { ignored: 'unreadable' };
  if ((toText(row.fromMe) ?? toText(key.fromMe)) !== 'true' || (chat && !isPerson(chat))) return { ignored: 'not_ours' };
  const state = Object.hasOwn(states, word) ? states[word] : undefined;
  if (!state) return { ignored: 'no_news' };
  return { receipt: { externalId, state, ...(state === 'failed' ? { error: findError(row) } : {}) } };
}

function findError(row: Fields): { code: string; message: string } {
  const parameters = [row.messageStubParameters, toObject(row.update).messageStubParameters].flatMap(toList).map(toText);
  const code = parameters.includes(restrictedCode) ? restrictedCode : 'not_sent';
  return code === restrictedCode
    ? { code, message: 'WhatsApp refuses to send: the number is restricted, or may not open new chats at present.' }
    : { code, message: 'WhatsApp did not accept the message: the number may be restricted, or its session damaged.' };
}

/** Causes after which the server does not connect again: logged out, payment, banned, and a version that WhatsApp refuses. */
const finalReasons = new Set(['401', '402', '403', '406']);

function readConnection(data: Fields): WebhookContent {
  const state = toLinkState(data.state);
  if (state === 'unlinked' && !finalReasons.has(toText(data.statusReason) ?? '')) return { ...nothing, link: 'connecting' };
  return { ...nothing, link: state };
}

/** Events that are registered. An empty list would mean all of them. */
export const webhookEvents: readonly string[] = [
  'MESSAGES_UPSERT',
  'MESSAGES_UPDATE',
  'MESSAGES_EDITED',
  'MESSAGES_DELETE',
  'SEND_MESSAGE',
  'CONNECTION_UPDATE',
  'STATUS_INSTANCE',
  'LOGOUT_INSTANCE',
  'REMOVE_INSTANCE',
];

/** Reads the states of a message from the server's list, and returns the furthest one. What has been delivered has not failed. */
export function readStatusList(body: unknown, externalId: string): ReceiptContent | null {
  const order = ['failed', 'delivered', 'read'];
  const found = toList(body).flatMap((row) => {
    const result = readUpdate({ fromMe: true, ...toObject(row), keyId: externalId });
    return 'receipt' in result ? [result.receipt] : [];
  });
  return found.toSorted((a, b) => order.indexOf(b.state) - order.indexOf(a.state))[0] ?? null;
}

/** Converts receipts to events. */
export function toReceiptEvents(receipts: readonly ReceiptContent[]): ChannelEvent[] {
  return receipts.map((receipt) => ({ kind: 'receipt', receipt }));
}
