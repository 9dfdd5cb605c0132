import type { Database } from '../../database/client.ts';
import type { ContactAddress } from '../settlement/settlement.ts';

/** The contact of an address, as far as we know. HighLevel's own search lags (platform.md 6.3). */
export async function findContactByAddress(db: Database, locationId: string, address: string): Promise<string | null> {
  const row = await db.client.contactAddress.findUnique({ where: { locationId_address: { locationId, address } } });
  return row?.contactId ?? null;
}

/** Keeps whose address this is, outside of a settlement. */
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

/** HighLevel does not know this contact any more. */
export async function deleteContactAddress(db: Database, locationId: string, address: string): Promise<void> {
  await db.client.contactAddress.deleteMany({ where: { locationId, address } });
}
