import { toObject, toText } from '../core/foreign.ts';
import { type HighLevel, toLocationOwner } from './client.ts';

/** Gets a location's name, time zone and country; its token response lacks them (platform.md 5.3). @throws AppError as the client */
export async function getLocation(
  highLevel: HighLevel,
  locationId: string,
): Promise<{ name: string | null; timezone: string | null; country: string | null }> {
  const response = await highLevel({ operation: 'getLocation', owner: toLocationOwner(locationId), path: { locationId } });
  const { name, timezone, country } = toObject(response.body.location);
  return {
    name: toText(name) ?? null,
    timezone: toText(timezone) ?? null,
    country: toText(country)?.trim().toUpperCase() ?? null,
  };
}
