import type { ContactLinkResult } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { fitId, maxChars } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Database } from '../../database/client.ts';
import type { Log } from '../../runtime/log.ts';
import { contactLinkTtlMs, parsePayload, toClaimId } from '../model/contact-links.ts';
import type { ReadAddress } from '../model/read-address.ts';
import type { LookUpContact, SearchContact } from '../outbound/look-up-contact.ts';
import { bindContactAddress, findContactByAddress, storeContactAddress } from './contact-addresses.ts';

export interface BindContactDeps {
  db: Database;
  clock: Clock;
  log: Log;
  readAddress: ReadAddress;
  lookUpContact: LookUpContact;
  searchContact: SearchContact;
}

type Ref = Pick<Connection, 'id' | 'locationId'>;

/**
 * Uses up a link: its contact gets the address of the chat. Of several chats that open one link the first binds, and a repeat of its
 * own webhook finds it bound. A claim is only recorded, until {@link bindContactByPhone} confirms it.
 */
export async function bindContactByLink(
  deps: BindContactDeps,
  { id: connectionId, locationId }: Ref,
  payload: string,
  rawAddress: string,
): Promise<ContactLinkResult> {
  const parsed = parsePayload(payload);
  if (!parsed) return 'foreign';
  const address = fitId((await deps.readAddress(locationId, rawAddress)).address, maxChars.address);
  const now = dateNow(deps.clock);
  if (parsed.kind === 'claim') {
    const id = toClaimId(connectionId, address);
    const row = { connectionId, locationId, contactId: parsed.contactId, createdAt: now };
    const data = { ...row, expiresAt: new Date(now.getTime() + contactLinkTtlMs) };
    await deps.db.client.contactLink.upsert({ where: { id }, create: { id, ...data }, update: data });
    return 'confirm_phone';
  }
  const [row] = await deps.db.client.$queryRaw<{ isBound: boolean }[]>`
    WITH used AS (
      UPDATE contact_links SET used_by = ${address}, used_at = ${now}
      WHERE id = ${parsed.id} AND connection_id = ${connectionId}::uuid AND used_at IS NULL AND expires_at > ${now}
      RETURNING location_id, contact_id),
    bound AS (
      INSERT INTO contact_addresses (location_id, address, contact_id, updated_at, bound_at)
      SELECT location_id, ${address}, contact_id, ${now}::timestamptz, ${now}::timestamptz FROM used
      ON CONFLICT (location_id, address) DO UPDATE SET contact_id = EXCLUDED.contact_id, updated_at = EXCLUDED.updated_at,
        bound_at = EXCLUDED.bound_at)
    SELECT EXISTS (SELECT FROM used) OR EXISTS (
      SELECT FROM contact_links WHERE id = ${parsed.id} AND connection_id = ${connectionId}::uuid AND used_by = ${address}) AS "isBound"`;
  return row?.isBound ? 'bound' : 'refused';
}

/**
 * Gives the address of a chat to the contact with a phone number that the chat's person has proved to own: the contact that the chat has
 * claimed to be, if the number is that contact's, else the one that is found by the number. Without such a contact the chat stays as it is.
 *
 * @returns whether a contact was found
 * @throws AppError when HighLevel is needed and can't be reached now: the vendor repeats the webhook
 */
export async function bindContactByPhone(deps: BindContactDeps, ref: Ref, phone: string, rawAddress: string): Promise<boolean> {
  const { locationId } = ref;
  const address = fitId((await deps.readAddress(locationId, rawAddress)).address, maxChars.address);
  let contactId: string | null;
  try {
    contactId = (await findClaimed(deps, ref, phone, address)) ?? (await findByPhone(deps, ref, phone));
  } catch (error) {
    if (!isAppError(error) || !isFinal(error)) throw error;
    deps.log.warn({ err: error, connectionId: ref.id }, 'the contact of a shared phone number could not be found');
    return false;
  }
  if (contactId === null) return false;
  const now = dateNow(deps.clock);
  await bindContactAddress(deps.db, { locationId, address, contactId }, now);
  await storeContactAddress(deps.db, { locationId, address: phone, contactId }, now);
  return true;
}

/** A repeat by the vendor can't help: it would only hold up the later messages of the chat. */
function isFinal({ code, retry }: AppError): boolean {
  return retry === 'never' || code === 'highlevel_forbidden' || code === 'installation_missing' || code === 'reauth_required';
}

async function findClaimed(deps: BindContactDeps, ref: Ref, phone: string, address: string): Promise<string | null> {
  const id = toClaimId(ref.id, address);
  const claim = await deps.db.client.contactLink.findFirst({ where: { id, expiresAt: { gt: dateNow(deps.clock) } } });
  const contact = claim && (await deps.lookUpContact(ref.locationId, claim.contactId));
  if (!claim || !contact?.phone) return null;
  const own = await deps.readAddress(ref.locationId, contact.phone);
  return listPhoneSpellings(own.address).includes(phone) ? claim.contactId : null;
}

async function findByPhone({ db, searchContact }: BindContactDeps, ref: Ref, phone: string): Promise<string | null> {
  const known = await findContactByAddress(db, { locationId: ref.locationId, connectionId: ref.id }, phone);
  return known ?? searchContact(ref.locationId, { phone });
}
