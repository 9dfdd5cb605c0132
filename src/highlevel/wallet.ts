import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { AppError } from '../core/errors.ts';
import { flag, nestedObject, readRows, requiredText, shortId, text } from '../core/foreign.ts';
import { type HighLevel, toLocationOwner } from './client.ts';

/** One charge of a location's wallet, by a usage meter of the app (platform.md 8.3). */
export interface WalletCharge {
  readonly appId: string;
  readonly meterId: string;
  /** Our id of what is charged, by which the charge is found again. */
  readonly eventId: string;
  readonly locationId: string;
  readonly companyId: string;
  readonly description: string;
}

/** Returns whether a location's wallet can be charged. @throws AppError as the client */
export async function hasFunds(highLevel: HighLevel, locationId: string): Promise<boolean> {
  const { body } = await highLevel({ operation: 'hasFunds', owner: toLocationOwner(locationId) });
  return flag.parse(body.hasFunds);
}

/**
 * Charges a wallet for one unit, at the meter's price. HighLevel is not known to drop a repeated event, so a charge of unknown outcome is
 * searched for before it is repeated.
 *
 * @returns HighLevel's id of the charge
 * @throws AppError as the client; `highlevel_unreachable`: a success without an id, of unknown outcome
 */
export async function createCharge(highLevel: HighLevel, charge: WalletCharge): Promise<string> {
  const { body } = await highLevel({
    operation: 'createCharge',
    owner: toLocationOwner(charge.locationId),
    body: { ...charge, units: 1 },
  });
  const chargeId = shortId(maxChars.highlevelId).parse(body.chargeId);
  if (chargeId !== undefined) return chargeId;
  throw new AppError('highlevel_unreachable', 'The CRM’s response to a charge has no id.');
}

const listedCharge = z.object({
  chargeId: requiredText(maxChars.highlevelId),
  refunded: flag,
  transactionType: text,
  meta: nestedObject(z.object({ eventId: text })),
});

/** Finds the charge of an event that was not refunded. @throws AppError as the client */
export async function findCharge(
  highLevel: HighLevel,
  { locationId, meterId, eventId }: Pick<WalletCharge, 'locationId' | 'meterId' | 'eventId'>,
): Promise<string | null> {
  const query = { meterId, eventId, limit: '10' };
  const { body } = await highLevel({ operation: 'listCharges', owner: toLocationOwner(locationId), query });
  const found = readRows(listedCharge, body.charges).rows.find(
    ({ refunded, transactionType, meta }) => !refunded && transactionType !== 'refund' && (meta.eventId ?? eventId) === eventId,
  );
  return found?.chargeId ?? null;
}

/** Refunds a charge. @throws AppError as the client */
export async function deleteCharge(highLevel: HighLevel, locationId: string, chargeId: string): Promise<void> {
  await highLevel({ operation: 'deleteCharge', owner: toLocationOwner(locationId), path: { chargeId } });
}
