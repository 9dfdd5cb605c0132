import { toObject, toText } from '../core/foreign.ts';
import { type HighLevel, location } from './client.ts';

/** A location's name, time zone and country; its token response has none of them (platform.md 5.3). @throws AppError as the client */
export async function describeLocation(
  highLevel: HighLevel,
  locationId: string,
): Promise<{ name: string | null; timezone: string | null; country: string | null }> {
  const answer = await highLevel({ operation: 'getLocation', owner: location(locationId), path: { locationId } });
  const { name, timezone, country } = toObject(answer.body.location);
  return {
    name: toText(name) ?? null,
    timezone: toText(timezone) ?? null,
    country: toText(country)?.trim().toUpperCase() ?? null,
  };
}
