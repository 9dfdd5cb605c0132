import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Executor } from '../../database/client.ts';

/** A contact as the vendor of one connection knows it. */
export interface VendorAddress {
  /** The vendor's own id, which messages are sent to. */
  readonly vendorAddress: string;
  readonly lastInboundAt: Date;
}

/**
 * Finds a contact as the vendor knows it, by any spelling of its number: HighLevel's may be another than the one in which the contact's messages
 * are stored. The contact must have written over this connection before.
 */
export async function findVendorAddress(on: Executor, connectionId: string, address: string): Promise<VendorAddress | null> {
  const [row] = await on.$queryRaw<VendorAddress[]>`
    SELECT vendor_address AS "vendorAddress", last_inbound_at AS "lastInboundAt" FROM vendor_addresses
    WHERE connection_id = ${connectionId}::uuid AND address = ANY (${listPhoneSpellings(address)}::text[])
    ORDER BY last_inbound_at DESC LIMIT 1`;
  return row ?? null;
}

/** Finds the address by which a connection knows a contact, the one of its last message. */
export async function findAddressOfContact(
  on: Executor,
  connectionId: string,
  { locationId, contactId }: { locationId: string; contactId: string },
): Promise<string | null> {
  const [row] = await on.$queryRaw<{ address: string }[]>`
    SELECT v.address FROM contact_addresses c JOIN vendor_addresses v ON v.connection_id = ${connectionId}::uuid AND v.address = c.address
    WHERE c.location_id = ${locationId} AND c.contact_id = ${contactId} ORDER BY v.last_inbound_at DESC LIMIT 1`;
  return row?.address ?? null;
}
