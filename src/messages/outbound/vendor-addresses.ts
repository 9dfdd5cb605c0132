import type { Executor } from '../../database/client.ts';

/** A contact as the vendor of one connection knows it. */
export interface VendorAddress {
  /** The vendor's own id, which messages are sent to. */
  readonly vendorAddress: string;
  readonly lastInboundAt: Date;
}

/** Finds a contact as the vendor knows it. The contact must have written over this connection before. */
export function findVendorAddress(on: Executor, connectionId: string, address: string): Promise<VendorAddress | null> {
  return on.vendorAddress.findUnique({
    where: { connectionId_address: { connectionId, address } },
    select: { vendorAddress: true, lastInboundAt: true },
  });
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

/** Finds the contact of an address that was stored before. */
export async function findContactOfAddress(on: Executor, locationId: string, address: string): Promise<string | null> {
  const row = await on.contactAddress.findUnique({ where: { locationId_address: { locationId, address } } });
  return row?.contactId ?? null;
}
