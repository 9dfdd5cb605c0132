import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Database } from '../../database/client.ts';
import { type HighLevel, toLocationOwner } from '../../highlevel/client.ts';
import {
  type ContactFacts,
  findContactAddress,
  findContactByEmail,
  findContactByPhone,
  findContactFacts,
} from '../../highlevel/contacts.ts';
import { toContactLookupKey, toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import { contactLookupRateLimit, highLevelRateLimit } from '../../highlevel/rate-limit.ts';
import { consume, isPaused, tryAcquire } from '../../queue/rate-limits.ts';

export interface LookUpContactDeps {
  db: Database;
  clock: Clock;
  highLevel: HighLevel;
}

export type LookUpContact = (locationId: string, contactId: string) => ReturnType<typeof findContactAddress>;

export type SearchContact = (locationId: string, by: { phone: string } | { email: string }) => Promise<string | null>;

/** Reads a contact's phone number and email address from HighLevel, within the location's limits. @returns null for a deleted contact. @throws AppError `highlevel_limit`, or as the client */
export async function lookUpContact(deps: LookUpContactDeps, locationId: string, contactId: string): ReturnType<LookUpContact> {
  await reserveCall(deps, locationId);
  return findContactAddress(deps.highLevel, locationId, contactId);
}

/** Reads a contact's tags and assigned user from HighLevel, within the location's limits. @returns null for a deleted contact. @throws as {@link lookUpContact} */
export async function lookUpContactFacts(
  deps: LookUpContactDeps,
  locationId: string,
  contactId: string,
): Promise<ContactFacts | null> {
  await reserveCall(deps, locationId);
  return findContactFacts(deps.highLevel, locationId, contactId);
}

/** Finds the contact of a phone number, in any of its spellings, or of an email address, within the location's limits. @returns null when there is none. @throws as {@link lookUpContact} */
export async function searchContact(
  deps: LookUpContactDeps,
  locationId: string,
  by: { phone: string } | { email: string },
): ReturnType<SearchContact> {
  if ('email' in by) {
    await reserveCall(deps, locationId);
    return findContactByEmail(deps.highLevel, locationId, by.email);
  }
  for (const spelling of listPhoneSpellings(by.phone)) {
    await reserveCall(deps, locationId);
    const contactId = await findContactByPhone(deps.highLevel, locationId, spelling);
    if (contactId !== null) return contactId;
  }
  return null;
}

/** Takes a permit for one call, and its share of HighLevel's limit. @throws AppError `highlevel_limit` */
async function reserveCall({ db, clock }: LookUpContactDeps, locationId: string): Promise<void> {
  const limitKey = toHighLevelGroupKey(toLocationOwner(locationId));
  if (
    (await isPaused(db, limitKey, dateNow(clock))) ||
    !(await tryAcquire({ db, clock }, toContactLookupKey(locationId), contactLookupRateLimit))
  ) {
    throw new AppError('highlevel_limit', 'Waiting to ask the CRM about the contact.');
  }
  await consume({ db, clock }, limitKey, highLevelRateLimit, 1);
}
