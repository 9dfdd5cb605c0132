import { parseForeignJson, toId, toList, toNumber, toObject, toText, toTime } from '../../core/foreign.ts';
import type { ChannelEvent, InboundAttachment } from '../channel.ts';
import { describeCards, describeLocation, describeReaction, missingFileNote } from '../whatsapp-web/describe.ts';
import type { WebMessage } from '../whatsapp-web/inbound.ts';
import { findPerson, parseJid, readMessageKey } from '../whatsapp-web/jid.ts';
import type { LinkState } from '../whatsapp-web/session-state.ts';
import { readAck } from './read-ack.ts';
import { toLinkState } from './responses.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Content of a webhook. */
export type WebhookContent =
  | { readonly kind: 'events'; readonly events: readonly ChannelEvent[] }
  | { readonly kind: 'message'; readonly message: WebMessage }
  | { readonly kind: 'link'; readonly state: LinkState }
  /** Without content for us; the reason is for the log. */
  | { readonly kind: 'ignored'; readonly reason: string };

const ignore = (reason: string): WebhookContent => ({ kind: 'ignored', reason });

/**
 * Reads a webhook: one event.
 *
 * @param session name of the connection's session: a key may be that of all sessions of a server
 * @throws AppError `payload_invalid`: not JSON
 */
export function readWebhook(body: Buffer, session: string): WebhookContent {
  const event = toObject(parseForeignJson(body));
  const payload = toObject(event.payload);
  const given = toText(event.session);
  if (given !== undefined && given !== session) return ignore('other_session');
  switch (toText(event.event)) {
    case 'message':
    case 'message.any':
      return readMessage(payload, event, toContent(payload));
    case 'message.reaction': {
      const reaction = toObject(payload.reaction);
      const text = describeReaction(reaction.text);
      return readMessage(payload, event, { text, attachments: [], replyTo: readMessageKey(reaction.messageId) });
    }
    case 'message.edited':
      return readEdit(payload, event);
    case 'message.revoked':
      return readRevocation(payload, event);
    case 'message.ack': {
      const events = readAck(payload);
      return events ? { kind: 'events', events } : ignore('unreadable');
    }
    case 'session.status':
      return { kind: 'link', state: toLinkState(payload.status) };
    default:
      return ignore('other_event');
  }
}

interface Content {
  readonly text: string;
  readonly attachments: readonly InboundAttachment[];
  readonly replyTo: string | undefined;
}

function readMessage(
  payload: Fields,
  event: Fields,
  { text, attachments, replyTo }: Content,
  key = readMessageKey(payload.id),
) {
  const isOwn = toText(payload.fromMe) === 'true';
  const chat = isOwn ? payload.to : payload.from;
  const person = findPerson([chat, ...listAlternates(payload._data, isOwn)]);
  if (!person) return ignore(parseJid(chat) ? 'not_a_person' : 'unreadable');
  const own = parseJid(toObject(event.me).id) ?? (isOwn ? parseJid(payload.from) : null);
  const message: WebMessage = {
    ...{ key, person, isOwn, text, attachments, replyTo, at: toTime(payload.timestamp) },
    ownPhone: own?.kind === 'phone' ? own.user : undefined,
    name: findName(payload._data),
  };
  return { kind: 'message', message } as const;
}

function toContent(payload: Fields): Content {
  const attachment = readMedia(payload);
  const hasFile = toText(payload.hasMedia) === 'true' || attachment !== undefined;
  const location = toObject(payload.location);
  const isPlace = toNumber(location.latitude) !== undefined && toNumber(location.longitude) !== undefined;
  const words = [
    // The text of a place is a picture of its map, in base64.
    isPlace
      ? describeLocation(location.latitude, location.longitude, [location.name, location.address])
      : (describeCards(payload.vCards) ?? toText(payload.body)),
    hasFile && !attachment ? missingFileNote : undefined,
  ];
  return {
    text: words.filter(Boolean).join('\n'),
    attachments: attachment ? [attachment] : [],
    replyTo: readMessageKey(toObject(payload.replyTo).id),
  };
}

/** An edit is a message of its own, as the first one may have been read. */
function readEdit(payload: Fields, event: Fields): WebhookContent {
  const original = readMessageKey(payload.editedMessageId) ?? readMessageKey(payload.id);
  const words = toText(payload.body);
  if (!words || !original) return ignore('unreadable');
  const key = `${original}-edited-${toId(payload.timestamp) ?? ''}`;
  return readMessage(payload, event, { text: `[Edited] ${words}`, attachments: [], replyTo: original }, key);
}

function readRevocation(payload: Fields, event: Fields): WebhookContent {
  const revoked = [payload.after, payload.before].map(toObject).find(({ from }) => parseJid(from) !== null);
  const original = readMessageKey(payload.revokedMessageId) ?? readMessageKey(revoked?.id);
  if (!revoked || !original || toText(revoked.fromMe) === 'true') return ignore('revoked');
  const content = { text: '[Deleted a message]', attachments: [], replyTo: original };
  return readMessage(revoked, event, content, `${original}-deleted`);
}

/** Lists the other addresses of the contact, which each engine writes in a place of its own. */
function listAlternates(data: unknown, isOwn: boolean): unknown[] {
  const { key, Info } = toObject(data);
  const { remoteJidAlt, senderPn, senderLid, remoteJid } = toObject(key);
  const { Chat, SenderAlt, RecipientAlt, Sender } = toObject(Info);
  return [remoteJidAlt, ...(isOwn ? [] : [senderPn, senderLid]), remoteJid, Chat, isOwn ? RecipientAlt : SenderAlt].concat(
    isOwn ? [] : [Sender],
  );
}

function findName(data: unknown): string | undefined {
  const { pushName, notifyName, Info } = toObject(data);
  return toText(pushName) ?? toText(notifyName) ?? toText(toObject(Info).PushName);
}

/** Path of the server's own files. */
const filePath = /^\/api\/files\/[\w@.%~/+=-]{1,600}$/;

/**
 * Reads the file of a message. The server's own files are named by their path alone: the address before it is often one of the server
 * itself, such as localhost, and the key goes to the configured address only.
 */
function readMedia(payload: Fields): InboundAttachment | undefined {
  const { url, mimetype, filename, error } = toObject(payload.media);
  const address = toText(url) ?? toText(payload.mediaUrl);
  if (!address || (error !== null && error !== undefined && toText(url) === undefined) || !URL.canParse(address))
    return undefined;
  const { protocol, pathname } = new URL(address);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  const at = pathname.indexOf('/api/files/');
  if (at < 0) return { url: address };
  const ref = pathname.slice(at);
  if (!isFileRef(ref)) return undefined;
  return {
    ref,
    name: toText(filename)?.slice(0, 200).toWellFormed(),
    contentType: toText(mimetype)?.slice(0, 200).toWellFormed(),
  };
}

/** Returns whether a text is the path of a file at the server, and leads nowhere else. */
export function isFileRef(ref: string): boolean {
  return filePath.test(ref) && !/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(ref);
}

/** Events that are registered. */
export const webhookEvents: readonly string[] = [
  'message.any',
  'message.ack',
  'message.reaction',
  'message.edited',
  'message.revoked',
  'session.status',
];

/** Returns whether a list of events has all that the channel needs. `message` besides `message.any` would bring each message twice. */
export function coversEvents(value: unknown): boolean {
  const events = new Set(toList(value).map(toText));
  return webhookEvents.every((name) => events.has(name) || events.has('*'));
}
