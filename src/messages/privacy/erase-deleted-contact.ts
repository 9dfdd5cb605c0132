import { readContactEvent } from '../../highlevel/contact-events.ts';
import { type RequestErasureDeps, requestErasure } from './erasures.ts';
import { loadRetention } from './retention-policy.ts';

/**
 * Requests the erasure of a contact that was deleted in HighLevel, where the location's admin wants that. HighLevel also deletes a contact that
 * is merged into another one.
 *
 * @returns whether an erasure is requested @throws AppError `payload_invalid`
 */
export async function eraseDeletedContact(deps: RequestErasureDeps, body: Buffer): Promise<boolean> {
  const event = readContactEvent(body);
  if (!event?.isDeleted) return false;
  const { locationId, contactId } = event;
  if (!(await loadRetention(deps.db.client, locationId)).erasesDeletedContacts) return false;
  await requestErasure(deps, locationId, { contactId }, 'highlevel');
  return true;
}
