import type { Database } from '../../database/client.ts';
import type { ContactAddress } from '../settlement/settlement.ts';

/** Finds the contact of an address that was stored before. HighLevel's own search lags (platform.md 6.3). */
export async function findContactByAddress(db: Database, locationId: string, address: string): Promise<string | null> {
  const row = await db.client.contactAddress.findUnique({ where: { locationId_address: { locationId, address } } });
  return row?.contactId ?? null;
}

/** Stores the contact of an address outside of a settlement. */
export async function storeContactAddress(
  db: Database,
  { locationId, address, contactId }: ContactAddress,
  now: Date,
): Promise<void> {
  await db.client.contactAddress.upsert({
    where: { locationId_address: { locationId, address } },
    create: { locationId, address, contactId, updatedAt: now },
    update: { contactId, updatedAt: now },
  });
}

/** Deletes an address whose contact HighLevel does not have any more. */
export async function deleteContactAddress(db: Database, locationId: string, address: string): Promise<void> {
  await db.client.contactAddress.deleteMany({ where: { locationId, address } });
}
