import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { readRows, requiredText, text, toList, unknownField } from '../core/foreign.ts';
import { type HighLevel, toLocationOwner } from './client.ts';

/** A contact as the search finds it. Its index lags, and its rows may lack the contact's do-not-disturb. */
export interface FoundContact {
  id: string;
  phone: string | null;
  email: string | null;
}

/** Conditions by which contacts with do-not-disturb are found, each in a search of its own (platform-2026-11.md 3.1). */
export const dndFilters = [
  { field: 'dndSettings.SMS.status', operator: 'eq', value: 'active' },
  { field: 'dndSettings.SMS.status', operator: 'eq', value: 'permanent' },
  { field: 'dndSettings.Email.status', operator: 'eq', value: 'active' },
  { field: 'dndSettings.Email.status', operator: 'eq', value: 'permanent' },
  { field: 'dnd', operator: 'eq', value: true },
] as const;

export type DndFilter = (typeof dndFilters)[number];

const pageLimit = 100;

const foundContact = z.object({
  id: requiredText(maxChars.highlevelId),
  phone: text,
  email: text,
  searchAfter: unknownField.transform(toList),
});

/**
 * Finds the contacts with a kind of do-not-disturb, a page at a time.
 *
 * @param cursor from the previous page
 * @returns the cursor of the next page, null after the last
 * @throws AppError as the client
 */
export async function searchContactsByDnd(
  highLevel: HighLevel,
  locationId: string,
  filter: DndFilter,
  cursor: readonly unknown[] | null,
): Promise<{ contacts: FoundContact[]; nextCursor: readonly unknown[] | null }> {
  const { body } = await highLevel({
    operation: 'searchContacts',
    owner: toLocationOwner(locationId),
    // The cursor is of the last contact, so that contacts which change meanwhile move no page.
    body: { locationId, pageLimit, filters: [filter], ...(cursor ? { searchAfter: cursor } : { page: 1 }) },
  });
  const { rows } = readRows(foundContact, body.contacts);
  const last = rows.at(-1)?.searchAfter ?? [];
  const hasNext = toList(body.contacts).length >= pageLimit && last.length > 0;
  return {
    contacts: rows.map(({ id, phone, email }) => ({ id, phone: phone ?? null, email: email ?? null })),
    nextCursor: hasNext ? last : null,
  };
}
