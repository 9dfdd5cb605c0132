import type { OptOutCategory } from '../../channels/channel.ts';
import { normalizeAddress } from '../../core/address.ts';
import type { Database } from '../../database/client.ts';
import { createLoader } from '../../runtime/batcher.ts';
import { parseRecipients } from '../model/recipients.ts';
import { listLedgerSpellings } from './ledger.ts';

/**
 * Finds what the recipient of a message has opted out of; null for neither. Of an email to several, what any of them has: it is sent to all
 * or to none.
 *
 * @param to a normalized address, or the recipients of an email
 */
export type FindOptOut = (locationId: string, to: string) => Promise<OptOutCategory | null>;

/** Creates the look-up of opt-outs, which each send does once; concurrent ones share a statement. */
export function createOptOutFinder(db: Database): FindOptOut {
  const toName = ({ locationId, address }: { locationId: string; address: string }) => `${locationId}/${address}`;
  const load = createLoader(toName, async (keys) => {
    const rows = await db.client.$queryRaw<{ locationId: string; address: string; isAll: boolean }[]>`
      SELECT location_id AS "locationId", address, bool_or(category = 'all') AS "isAll"
      FROM json_to_recordset(${JSON.stringify(keys)}::json) AS key ("locationId" text, "address" text)
      JOIN opt_outs USING (address)
      WHERE opt_outs.location_id = key."locationId" AND lifted_at IS NULL
      GROUP BY location_id, address`;
    return new Map(rows.map((row): [string, OptOutCategory] => [toName(row), row.isAll ? 'all' : 'marketing']));
  });
  return async (locationId, to) => {
    const found = await Promise.all(toLedgerAddresses(to).map((address) => load({ locationId, address })));
    return found.includes('all') ? 'all' : found.includes('marketing') ? 'marketing' : null;
  };
}

/** Returns the recipients of a message, normalized; a number or a vendor's id is one. */
export function splitRecipients(to: string): string[] {
  const recipients = to.includes(',') ? parseRecipients(to) : [];
  return recipients.length === 0 ? [to] : recipients.map((recipient) => normalizeAddress(recipient).address);
}

/** Returns the recipients of a message as the ledger may hold them, in all spellings of a number. */
export function toLedgerAddresses(to: string): string[] {
  return splitRecipients(to).flatMap(listLedgerSpellings);
}

/** Lists the addresses by which a location knows a contact. */
export async function listAddressesOfContact(db: Database, locationId: string, contactId: string): Promise<string[]> {
  const rows = await db.client.contactAddress.findMany({
    where: { locationId, contactId },
    orderBy: { updatedAt: 'desc' },
    select: { address: true },
  });
  return rows.map(({ address }) => address);
}
