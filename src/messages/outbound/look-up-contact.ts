import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import { type HighLevel, toLocationOwner } from '../../highlevel/client.ts';
import { findContactAddress } from '../../highlevel/contacts.ts';
import { toContactLookupKey, toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import { contactLookupRateLimit, highLevelRateLimit } from '../../highlevel/rate-limit.ts';
import { consume, isPaused, tryAcquire } from '../../queue/rate-limits.ts';

export interface LookUpContactDeps {
  db: Database;
  clock: Clock;
  highLevel: HighLevel;
}

export type LookUpContact = (locationId: string, contactId: string) => ReturnType<typeof findContactAddress>;

/** Reads a contact's phone number and email address from HighLevel, within the location's limits. @returns null for a deleted contact. @throws AppError `highlevel_limit`, or as the client */
export async function lookUpContact(
  { db, clock, highLevel }: LookUpContactDeps,
  locationId: string,
  contactId: string,
): ReturnType<LookUpContact> {
  const limitKey = toHighLevelGroupKey(toLocationOwner(locationId));
  if (
    (await isPaused(db, limitKey, dateNow(clock))) ||
    !(await tryAcquire({ db, clock }, toContactLookupKey(locationId), contactLookupRateLimit))
  ) {
    throw new AppError('highlevel_limit', 'Waiting to ask the CRM for the contact’s address.');
  }
  await consume({ db, clock }, limitKey, highLevelRateLimit, 1);
  return findContactAddress(highLevel, locationId, contactId);
}
