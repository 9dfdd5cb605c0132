import { maxChars } from '../core/bounds.ts';
import { AppError, isAppError } from '../core/errors.ts';
import { flag, shortId, toObject, toText, toTime } from '../core/foreign.ts';
import { messageIn } from './answer.ts';
import { answerBehind, clocksDifferMs, type HighLevel, type HighLevelAnswer, location } from './client.ts';
import { withoutEmpty } from './request-body.ts';

export interface ContactAddress {
  locationId: string;
  phone?: string | undefined;
  email?: string | undefined;
}

/**
 * The contact of an address, made if there is none. What a contact already has stays as it is: an upsert overwrites every field it
 * carries, so it carries the address alone, and a name only follows for a contact that is new (platform.md 6.3).
 *
 * @param newSince a contact that was added since then and has no name is one that an earlier try has added and could not name
 * @returns the contact, and how many calls it took
 * @throws AppError as the client
 */
export async function findOrAddContact(
  highLevel: HighLevel,
  address: ContactAddress,
  nameIfNew: string | null,
  newSince: Date,
): Promise<{ contactId: string; calls: number }> {
  const { id, isNew, isNamed, addedAt } = await upsert(highLevel, address);
  const isOurs = isNew || (!isNamed && addedAt >= newSince.getTime() - clocksDifferMs);
  if (!isOurs || !nameIfNew) return { contactId: id, calls: 1 };
  await upsert(highLevel, { ...address, name: nameIfNew });
  return { contactId: id, calls: 2 };
}

/**
 * Creates a contact that has a name and neither number nor email address: its address is one that HighLevel has no field for, such as a
 * short code. HighLevel can't find it by that address again, so the caller remembers whose it is.
 *
 * @throws AppError as the client; `highlevel_stored_nothing`
 */
export async function createNamedContact(highLevel: HighLevel, locationId: string, name: string): Promise<string> {
  const answer = await highLevel({ operation: 'createContact', owner: location(locationId), body: { locationId, name } });
  const id = shortId(maxChars.highlevelId).parse(toObject(answer.body.contact).id);
  if (id !== undefined) return id;
  throw new AppError('highlevel_stored_nothing', 'The CRM created a contact and did not say which.');
}

/** Whether HighLevel refused an upsert as it holds the number for none: its rules for numbers are stricter than E.164. */
export function isPhoneRefused(error: unknown): boolean {
  return (
    isAppError(error, 'highlevel_refused') && error.details.some((said) => /phone/i.test(said) && /valid|incorrect/i.test(said))
  );
}

/**
 * Upserts a contact. HighLevel refuses an address that its check for duplicates knows and its upsert does not find, such as a contact's
 * second number, and names the contact: then it is that one, and nothing of it is changed.
 */
async function upsert(highLevel: HighLevel, fields: ContactAddress & { name?: string }) {
  const call = { operation: 'upsertContact', owner: location(fields.locationId), body: withoutEmpty({ ...fields }) } as const;
  let answer: HighLevelAnswer;
  try {
    answer = await highLevel(call);
  } catch (error) {
    const duplicated = duplicatedContact(error);
    if (duplicated === undefined) throw error;
    return { id: duplicated, isNew: false, isNamed: true, addedAt: Number.NaN };
  }
  const contact = toObject(answer.body.contact);
  const id = shortId(maxChars.highlevelId).parse(contact.id);
  if (id === undefined) {
    throw new AppError('highlevel_stored_nothing', 'The CRM answered an upsert without a contact.');
  }
  return {
    id,
    isNew: flag.parse(answer.body.new),
    isNamed: [contact.name, contact.firstName, contact.lastName].some(toText),
    /** Not a number where HighLevel does not say it; that is never since anything. */
    addedAt: toTime(contact.dateAdded)?.getTime() ?? Number.NaN,
  };
}

/** Returns the contact that HighLevel names when it refuses another one with the same address. */
function duplicatedContact(error: unknown): string | undefined {
  const answer = isAppError(error, 'highlevel_refused') ? answerBehind(error) : null;
  return answer && /duplicate/i.test(messageIn(answer)) ? shortId(128).parse(toObject(answer.body.meta).contactId) : undefined;
}

/**
 * Asks for a contact's phone number and email address.
 *
 * @returns null for either that it does not have, and null in place of both where the contact was deleted
 * @throws AppError as the client
 */
export async function contactAddress(
  highLevel: HighLevel,
  locationId: string,
  contactId: string,
): Promise<{ phone: string | null; email: string | null } | null> {
  let answer: HighLevelAnswer;
  try {
    answer = await highLevel({ operation: 'getContact', owner: location(locationId), path: { contactId } });
  } catch (error) {
    if (isContactMissing(error)) return null;
    throw error;
  }
  const contact = toObject(answer.body.contact);
  // An existing contact has an id at least.
  if (!Object.values(contact).some(toText)) return null;
  const { phone, email } = contact;
  return { phone: toText(phone) ?? null, email: toText(email) ?? null };
}

/** Returns whether HighLevel says that there is no such contact. It does so with 400, 404 or 500 (platform.md 6.1), so its words decide. */
function isContactMissing(error: unknown): boolean {
  return (
    isAppError(error, 'highlevel_refused') &&
    error.details.some((said) => /\bcontact\b/i.test(said) && /not found|deleted|not exist/i.test(said))
  );
}
