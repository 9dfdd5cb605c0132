import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Database } from '../../database/client.ts';
import type { ContactAddress } from '../settlement/settlement.ts';

/**
 * Finds the contact of an address that was stored before. HighLevel's own search lags (platform.md 6.3). An address may have been stored in
 * another spelling of the same number, or belong to a person whom the vendor knows by another address, too.
 */
export async function findContactByAddress(
  db: Database,
  { locationId, connectionId }: { locationId: string; connectionId: string | null },
  address: string,
): Promise<string | null> {
  const spellings = listPhoneSpellings(address);
  const [row] = await db.client.$queryRaw<{ contactId: string }[]>`
    SELECT contact_id AS "contactId" FROM contact_addresses c
    WHERE location_id = ${locationId} AND (address = ANY (${spellings}::text[]) OR address IN (
      SELECT other.address FROM vendor_addresses own JOIN vendor_addresses other
        ON other.connection_id = own.connection_id AND other.vendor_user_id = own.vendor_user_id
      WHERE own.connection_id = ${connectionId}::uuid AND own.address = ANY (${spellings}::text[])))
    ORDER BY address = ${address} DESC, address = ANY (${spellings}::text[]) DESC, updated_at DESC LIMIT 1`;
  return row?.contactId ?? null;
}

/** Finds the phone number of a person whom a vendor names by its own id alone, where an earlier message over the connection has shown both. */
export async function findNumberOfUser(
  db: Database,
  { id: connectionId }: { id: string },
  vendorUserId: string,
): Promise<string | null> {
  const row = await db.client.vendorAddress.findFirst({
    where: { connectionId, vendorUserId, address: { startsWith: '+' } },
    orderBy: { lastInboundAt: 'desc' },
    select: { address: true },
  });
  return row?.address ?? null;
}

/** Stores the contact of an address outside of a settlement, unless the address was bound meanwhile. @returns its contact */
export async function storeContactAddress(
  db: Database,
  { locationId, address, contactId }: ContactAddress,
  now: Date,
): Promise<string> {
  const [row] = await db.client.$queryRaw<{ contactId: string }[]>`
    INSERT INTO contact_addresses (location_id, address, contact_id, updated_at) VALUES (${locationId}, ${address}, ${contactId}, ${now})
    ON CONFLICT (location_id, address) DO UPDATE SET updated_at = EXCLUDED.updated_at,
      contact_id = CASE WHEN contact_addresses.bound_at IS NULL THEN EXCLUDED.contact_id ELSE contact_addresses.contact_id END
    RETURNING contact_id AS "contactId"`;
  return row?.contactId ?? contactId;
}

/** Binds an address to the contact that has proved to own it. */
export async function bindContactAddress(
  db: Database,
  { locationId, address, contactId }: ContactAddress,
  now: Date,
): Promise<void> {
  const fields = { contactId, updatedAt: now, boundAt: now };
  await db.client.contactAddress.upsert({
    where: { locationId_address: { locationId, address } },
    create: { locationId, address, ...fields },
    update: fields,
  });
}

/** Deletes an address whose contact HighLevel does not have any more, in all spellings by which the contact would be found again. */
export async function deleteContactAddress(db: Database, locationId: string, address: string): Promise<void> {
  await db.client.contactAddress.deleteMany({ where: { locationId, address: { in: listPhoneSpellings(address) } } });
}
