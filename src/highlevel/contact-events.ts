import { maxChars } from '../core/bounds.ts';
import { parseForeignJson, shortId, toObject, toText, toTime } from '../core/foreign.ts';
import { type ContactFacts, readContactFacts } from './contacts.ts';

/** An app event about a contact: ContactCreate, ContactUpdate, ContactTagUpdate or ContactDelete (platform-2026-11.md 3.5). */
export interface ContactEvent {
  readonly locationId: string;
  readonly contactId: string;
  /** Null when the contact was deleted, or the event does not hold its tags. */
  readonly facts: ContactFacts | null;
  readonly isDeleted: boolean;
  readonly occurredAt: Date | null;
}

/** Reads an app event about a contact. @returns null where it names no contact @throws AppError `payload_invalid` */
export function readContactEvent(body: Buffer): ContactEvent | null {
  const fields = toObject(parseForeignJson(body));
  const id = shortId(maxChars.highlevelId);
  const [locationId, contactId] = [id.parse(fields.locationId), id.parse(fields.id)];
  if (locationId === undefined || contactId === undefined) return null;
  const isDeleted = toText(fields.type)?.toLowerCase() === 'contactdelete';
  const facts = isDeleted || !Array.isArray(fields.tags) ? null : readContactFacts(fields);
  return { locationId, contactId, facts, isDeleted, occurredAt: toTime(fields.timestamp) ?? null };
}
