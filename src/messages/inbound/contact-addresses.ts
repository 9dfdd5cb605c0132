import type { Database } from '../../database/client.ts';

/** Whose address it is in a location. */
export interface ContactAddress {
  readonly locationId: string;
  readonly address: string;
  readonly contactId: string;
}

/** The contact of an address, as far as we know. HighLevel's own search lags (platform.md 6.3). */
export async function findContactByAddress(db: Database, locationId: string, address: string): Promise<string | null> {
  const row = await db.client.contactAddress.findUnique({ where: { locationId_address: { locationId, address } } });
  return row?.contactId ?? null;
}

/** SQL that keeps whose addresses these are; the newest word counts. A part of a WITH. @param rows from `toContactAddressRows`, as JSON */
export function upsertContactAddressesCte(rows: string, now: string): string {
  return `upserted_addresses AS (
    INSERT INTO contact_addresses (location_id, address, contact_id, updated_at)
    SELECT "locationId", address, "contactId", ${now}::timestamptz
    FROM json_to_recordset(${rows}::json) AS i ("locationId" text, address text, "contactId" text)
    ON CONFLICT (location_id, address) DO UPDATE SET contact_id = EXCLUDED.contact_id, updated_at = EXCLUDED.updated_at
    WHERE contact_addresses.contact_id <> EXCLUDED.contact_id)`;
}

/** Each address once, and in one order, so that two who learn the same wait for each other and not both for ever. */
export function toContactAddressRows(items: readonly { contactAddress?: ContactAddress | null }[]): ContactAddress[] {
  const newest = new Map(
    items.flatMap(({ contactAddress: identity }) =>
      identity ? [[`${identity.locationId}/${identity.address}`, identity]] : [],
    ),
  );
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, identity]) => identity);
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
