import type { Database } from '../../database/client.ts';

/** An address of a contact in a location. */
export interface ContactAddress {
  readonly locationId: string;
  readonly address: string;
  readonly contactId: string;
}

/** Finds the contact of an address that was stored before. HighLevel's own search lags (platform.md 6.3). */
export async function findContactByAddress(db: Database, locationId: string, address: string): Promise<string | null> {
  const row = await db.client.contactAddress.findUnique({ where: { locationId_address: { locationId, address } } });
  return row?.contactId ?? null;
}

/** Returns the CTE that stores contacts of addresses, the newest of each. @param rows from `toContactAddressRows`, as JSON */
export function upsertContactAddressesCte(rows: string, now: string): string {
  return `upserted_addresses AS (
    INSERT INTO contact_addresses (location_id, address, contact_id, updated_at)
    SELECT "locationId", address, "contactId", ${now}::timestamptz
    FROM json_to_recordset(${rows}::json) AS i ("locationId" text, address text, "contactId" text)
    ON CONFLICT (location_id, address) DO UPDATE SET contact_id = EXCLUDED.contact_id, updated_at = EXCLUDED.updated_at
    WHERE contact_addresses.contact_id <> EXCLUDED.contact_id)`;
}

/** Returns each address once, sorted, so that concurrent upserts of the same addresses lock rows in one order and cannot deadlock. */
export function toContactAddressRows(items: readonly { contactAddress?: ContactAddress | null }[]): ContactAddress[] {
  const newest = new Map(
    items.flatMap(({ contactAddress: identity }) =>
      identity ? [[`${identity.locationId}/${identity.address}`, identity]] : [],
    ),
  );
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, identity]) => identity);
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
