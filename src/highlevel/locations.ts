import { type HighLevel, location } from './client.ts';

/** A location's name, time zone and country; its token response has none of them (platform.md 5.3). @throws AppError as the client */
export async function describeLocation(
  highLevel: HighLevel,
  locationId: string,
): Promise<{ name: string | null; timezone: string | null; country: string | null }> {
  const answer = await highLevel({ operation: 'getLocation', owner: location(locationId), path: { locationId } });
  const described = (answer.body.location ?? {}) as { name?: unknown; timezone?: unknown; country?: unknown };
  return {
    name: typeof described.name === 'string' ? described.name : null,
    timezone: typeof described.timezone === 'string' ? described.timezone : null,
    country: typeof described.country === 'string' ? described.country.trim().toUpperCase() || null : null,
  };
}
