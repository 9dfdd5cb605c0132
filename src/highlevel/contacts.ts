import { maxChars } from '../core/bounds.ts';
import { AppError, isAppError } from '../core/errors.ts';
import { flag, shortId, toList, toObject, toText, toTime } from '../core/foreign.ts';
import { truncate } from '../core/sanitize.ts';
import { findResponse, type HighLevel, type HighLevelResponse, maxClockSkewMs, toLocationOwner } from './client.ts';
import { omitEmpty } from './request-body.ts';
import { extractMessage } from './response.ts';

export interface ContactUpsert {
  locationId: string;
  phone?: string | undefined;
  email?: string | undefined;
}

/**
 * Finds the contact of an address, or creates it. An existing contact is not changed: an upsert overwrites every field it carries, so it
 * carries the address alone, and a new contact's name follows in another call. An email address is searched for first, because the upsert of
 * a contact's second one replaces its first (platform.md 6.3).
 *
 * @param createdSince a contact without a name that was added since then was added by an earlier try, which failed to name it
 * @returns the contact's id
 * @throws AppError as the client
 */
export async function findOrCreateContact(
  highLevel: HighLevel,
  address: ContactUpsert,
  nameIfNew: string | null,
  createdSince: Date,
): Promise<string> {
  const { locationId, email } = address;
  const found = email === undefined ? null : await findDuplicate(highLevel, { locationId, email });
  const { id, isNew, isNamed, addedAtMs } = found ?? (await upsertContact(highLevel, address));
  const canName = isNew || (!isNamed && addedAtMs >= createdSince.getTime() - maxClockSkewMs);
  if (canName && nameIfNew) await upsertContact(highLevel, { ...address, name: nameIfNew });
  return id;
}

/**
 * Finds the contact with exactly this phone number.
 *
 * @returns null when there is none
 * @throws AppError as the client
 */
export async function findContactByPhone(highLevel: HighLevel, locationId: string, phone: string): Promise<string | null> {
  return (await findDuplicate(highLevel, { locationId, number: phone }))?.id ?? null;
}

/** Finds the contact with exactly this email address, as {@link findContactByPhone}. */
export async function findContactByEmail(highLevel: HighLevel, locationId: string, email: string): Promise<string | null> {
  return (await findDuplicate(highLevel, { locationId, email }))?.id ?? null;
}

async function findDuplicate(highLevel: HighLevel, query: { locationId: string } & Record<string, string>) {
  const { body } = await highLevel({ operation: 'findDuplicateContact', owner: toLocationOwner(query.locationId), query });
  return readContact(body.contact, false);
}

/** Reads what an upsert and the search for duplicates say of a contact. @returns null where they name none */
function readContact(value: unknown, isNew: boolean) {
  const contact = toObject(value);
  const id = shortId(maxChars.highlevelId).parse(contact.id);
  if (id === undefined) return null;
  return {
    id,
    isNew,
    isNamed: [contact.name, contact.firstName, contact.lastName].some(toText),
    /** NaN where HighLevel omits it; a comparison with it is false. */
    addedAtMs: toTime(contact.dateAdded)?.getTime() ?? Number.NaN,
  };
}

/**
 * Creates a contact that has a name and neither number nor email address: HighLevel has no field for its address, such as a short code.
 * HighLevel can't find it by that address again, so the caller stores it.
 *
 * @throws AppError as the client; `highlevel_no_message_id`
 */
export async function createNamedContact(highLevel: HighLevel, locationId: string, name: string): Promise<string> {
  const response = await highLevel({
    operation: 'createContact',
    owner: toLocationOwner(locationId),
    body: { locationId, name },
  });
  const id = shortId(maxChars.highlevelId).parse(toObject(response.body.contact).id);
  if (id !== undefined) return id;
  throw new AppError('highlevel_no_message_id', 'The CRM created a contact and did not say which.');
}

/** Returns whether HighLevel rejected an upsert because of the number: its rules for numbers are stricter than E.164. */
export function isPhoneRefused(error: unknown): boolean {
  return (
    isAppError(error, 'highlevel_refused') &&
    error.details.some((detail) => /phone/i.test(detail) && /valid|incorrect/i.test(detail))
  );
}

/**
 * Upserts a contact. HighLevel refuses an address that its check for duplicates finds and its upsert does not, such as a contact's second
 * number, and names the contact: then that contact is the result, and it is not changed.
 */
async function upsertContact(highLevel: HighLevel, fields: ContactUpsert & { name?: string }) {
  const call = {
    operation: 'upsertContact',
    owner: toLocationOwner(fields.locationId),
    body: omitEmpty({ ...fields }),
  } as const;
  let response: HighLevelResponse;
  try {
    response = await highLevel(call);
  } catch (error) {
    const duplicateId = findDuplicateContact(error);
    if (duplicateId === undefined) throw error;
    return { id: duplicateId, isNew: false, isNamed: true, addedAtMs: Number.NaN };
  }
  const contact = readContact(response.body.contact, flag.parse(response.body.new));
  if (contact) return contact;
  throw new AppError('highlevel_no_message_id', 'The CRM’s response to an upsert has no contact.');
}

/** Finds the contact that HighLevel names when it refuses another one with the same address. */
function findDuplicateContact(error: unknown): string | undefined {
  const response = isAppError(error, 'highlevel_refused') ? findResponse(error) : null;
  return response && /duplicate/i.test(extractMessage(response))
    ? shortId(128).parse(toObject(response.body.meta).contactId)
    : undefined;
}

/**
 * Finds a contact's phone number and email address.
 *
 * @returns null for a missing one, and null in place of both where the contact was deleted
 * @throws AppError as the client
 */
export async function findContactAddress(
  highLevel: HighLevel,
  locationId: string,
  contactId: string,
): Promise<{ phone: string | null; email: string | null } | null> {
  const contact = await findContact(highLevel, locationId, contactId);
  return contact && { phone: toText(contact.phone) ?? null, email: toText(contact.email) ?? null };
}

/** Tags and assigned user of a contact. */
export interface ContactFacts {
  readonly tags: readonly string[];
  /** A user's id. */
  readonly assignedTo: string | null;
}

const maxTags = 200;
const maxTagChars = 200;

/** Reads tags and assigned user of a contact, as a response or an app event has them. */
export function readContactFacts(contact: Record<string, unknown>): ContactFacts {
  const tags = toList(contact.tags).flatMap((tag) => toText(tag) ?? []);
  return {
    tags: tags.slice(0, maxTags).map((tag) => truncate(tag, maxTagChars)),
    assignedTo: shortId(maxChars.highlevelId).parse(contact.assignedTo) ?? null,
  };
}

/** Finds tags and assigned user of a contact. @returns null where the contact was deleted @throws AppError as the client */
export async function findContactFacts(
  highLevel: HighLevel,
  locationId: string,
  contactId: string,
): Promise<ContactFacts | null> {
  const contact = await findContact(highLevel, locationId, contactId);
  return contact && readContactFacts(contact);
}

async function findContact(
  highLevel: HighLevel,
  locationId: string,
  contactId: string,
): Promise<Record<string, unknown> | null> {
  let response: HighLevelResponse;
  try {
    response = await highLevel({ operation: 'getContact', owner: toLocationOwner(locationId), path: { contactId } });
  } catch (error) {
    if (isContactMissing(error)) return null;
    throw error;
  }
  const contact = toObject(response.body.contact);
  // An existing contact has at least an id.
  return Object.values(contact).some(toText) ? contact : null;
}

/**
 * Returns whether HighLevel says that there is no such contact. It does so with 400, 404 or 500 (platform.md 6.1), so its wording decides.
 */
export function isContactMissing(error: unknown): boolean {
  return (
    isAppError(error, 'highlevel_refused') &&
    error.details.some((detail) => /\bcontact\b/i.test(detail) && /not found|deleted|not exist/i.test(detail))
  );
}
