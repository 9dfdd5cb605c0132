import { type Address, isNationalForm, normalizeAddress } from '../../core/address.ts';
import { type TokenOwner, toLocationOwner } from '../../highlevel/client.ts';

/** Brings an address that came in into the form in which it is compared, stored and sent; numbers are read as the location's country writes them. */
export type ReadAddress = (locationId: string, said: string) => Promise<Address>;

/** Creates the one reader of addresses. @param findCountry asked only for a number that may be in its national form */
export function createAddressReader(findCountry: (locationId: string) => Promise<string | null>): ReadAddress {
  return async (locationId, input) => normalizeAddress(input, isNationalForm(input) ? await findCountry(locationId) : null);
}

/** Creates the look-up of a location's country, as HighLevel told it. */
export function createCountryFinder(findInstallation: (owner: TokenOwner) => Promise<{ country: string | null } | null>) {
  return async (locationId: string) => (await findInstallation(toLocationOwner(locationId)))?.country ?? null;
}
