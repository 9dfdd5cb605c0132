import { maxChars } from '../../core/bounds.ts';
import { toId, toObject, toText, toTime } from '../../core/foreign.ts';
import type { InboundAttachment, InboundContent } from '../channel.ts';
import { toContactAddress } from './addresses.ts';
import { readErrors } from './graph-error.ts';
import { describeReferral, toMessageText } from './message-text.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Person behind a message, as the list of contacts of a webhook describes them. */
export interface Profile {
  readonly waId: string | undefined;
  readonly userId: string | undefined;
  readonly name: string | undefined;
}

const mediaTypes = new Set(['image', 'video', 'audio', 'document', 'sticker']);

/**
 * Reads one message of a contact, or an echo of one that the business sent from its phone.
 *
 * @returns null for an unreadable message; undefined for one of a group
 */
export function readMessage(
  value: unknown,
  profiles: readonly Profile[],
  direction: 'inbound' | 'echo',
): InboundContent | null | undefined {
  const message = toObject(value);
  const externalId = toStorableId(message.id, maxChars.externalId);
  const isEcho = direction === 'echo';
  const person = findPerson(message, profiles, isEcho);
  const businessNumber = isEcho ? toId(message.from) : undefined;
  if (!externalId || !person || (isEcho && !businessNumber)) return null;
  if (toId(message.group_id)) return undefined;
  const { address, waId, userId, name } = person;
  const { type, content, prefix, replyTo } = unwrap(message);
  const attachment = mediaTypes.has(type) ? readMedia(content) : null;
  const words = mediaTypes.has(type)
    ? [toText(content.caption), attachment ? undefined : '[A file that can’t be read]']
    : [toMessageText(type, content, message)];
  const text = [...words, describeReferral(message.referral), ...describeErrors(message)].filter(Boolean).join('\n');
  return {
    externalId,
    from: businessNumber === undefined ? address : toContactAddress(businessNumber),
    ...(isEcho ? { to: address } : {}),
    // An echo and a change of the account are no messages of the contact, and open no window: no time must be recorded.
    ...(isEcho || type === 'system' ? {} : { vendorAddress: waId ?? userId }),
    vendorUserId: userId,
    name,
    text: [prefix, text].filter(Boolean).join(' ') || undefined,
    attachments: attachment ? [attachment] : [],
    replyToExternalId: replyTo,
    occurredAt: toTime(message.timestamp),
    sentExternally: isEcho,
  };
}

/** Finds the contact: by number, and by the id that stays when the number is hidden or changes. */
function findPerson(message: Fields, profiles: readonly Profile[], isEcho: boolean) {
  const waId = toStorableId(isEcho ? message.to : message.from, maxChars.address);
  const givenUserId = toStorableId(isEcho ? message.to_user_id : message.from_user_id, maxChars.address);
  const profile = profiles.find(
    (one) => (waId !== undefined && one.waId === waId) || (givenUserId !== undefined && one.userId === givenUserId),
  );
  const userId = givenUserId ?? profile?.userId;
  const found = waId ?? profile?.waId;
  const address = found ?? userId;
  return address === undefined ? null : { address: toContactAddress(address), waId: found, userId, name: profile?.name };
}

/** Returns the content of a message; that of an edited one is the new content. */
function unwrap(message: Fields): { type: string; content: Fields; prefix?: string; replyTo: string | undefined } {
  const type = toText(message.type)?.trim().toLowerCase() ?? 'unsupported';
  const content = toObject(message[type]);
  const original = toStorableId(content.original_message_id, maxChars.externalId);
  if (type === 'edit') {
    const edited = toObject(content.message);
    const editedType = toText(edited.type)?.trim().toLowerCase() ?? 'text';
    return { type: editedType, content: toObject(edited[editedType]), prefix: '[Edited]', replyTo: original };
  }
  const replied = toStorableId(toObject(message.context).id, maxChars.externalId);
  const reacted = type === 'reaction' ? toStorableId(content.message_id, maxChars.externalId) : undefined;
  return { type, content, replyTo: reacted ?? original ?? replied };
}

/** Reads a file: its id, by which it is downloaded, and its hash, by which the download is checked. */
function readMedia({ id: givenId, sha256, filename, mime_type }: Fields): InboundAttachment | null {
  const id = toId(givenId);
  if (!id || !/^\w{1,200}$/.test(id)) return null;
  return {
    ref: toMediaRef(id, toText(sha256)),
    name: toText(filename)?.slice(0, 200).toWellFormed(),
    contentType: toText(mime_type)?.slice(0, 200).toWellFormed(),
  };
}

const mediaRef = /^(\w{1,200})(?:#([A-Za-z0-9+/=_-]{1,100}))?$/;

function toMediaRef(id: string, sha256: string | undefined): string {
  const ref = `${id}#${sha256}`;
  return sha256 && mediaRef.test(ref) ? ref : id;
}

/** Parses the reference of a file. @returns null for that of another channel */
export function parseMediaRef(ref: string): { id: string; sha256: string | undefined } | null {
  const [, id, sha256] = mediaRef.exec(ref) ?? [];
  return id ? { id, sha256 } : null;
}

function describeErrors({ errors, type }: Fields): string[] {
  if (toText(type) === 'unsupported') return [];
  return readErrors(errors).map(({ text, code }) => `[WhatsApp: ${text || 'error'} (${code})]`);
}

function toStorableId(value: unknown, maxLength: number): string | undefined {
  const id = toId(value);
  return id && id.length <= maxLength ? id : undefined;
}
