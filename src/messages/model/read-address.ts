import { type Address, isNationalForm, normalizeAddress } from '../../core/address.ts';
import { type TokenOwner, toLocationOwner } from '../../highlevel/client.ts';

/** Normalizes an address to the form in which it is compared, stored and sent. National numbers are read as the location's country writes them. */
export type ReadAddress = (locationId: string, input: string) => Promise<Address>;

/** Creates the reader of addresses. @param findCountry called only for a number that may be in its national form */
export function createAddressReader(findCountry: (locationId: string) => Promise<string | null>): ReadAddress {
  return async (locationId, input) => normalizeAddress(input, isNationalForm(input) ? await findCountry(locationId) : null);
}

/** Creates the lookup of the country that HighLevel has for a location. */
export function createCountryFinder(findInstallation: (owner: TokenOwner) => Promise<{ country: string | null } | null>) {
  return async (locationId: string) => (await findInstallation(toLocationOwner(locationId)))?.country ?? null;
}
