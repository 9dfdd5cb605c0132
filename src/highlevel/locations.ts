import type { HighLevel } from './client.ts';

/** A location's name and time zone; its token answer has neither (platform.md 5.3). @throws AppError as the client */
export async function describeLocation(
  highLevel: HighLevel,
  locationId: string,
): Promise<{ name: string | null; timezone: string | null }> {
  const answer = await highLevel({ operation: 'getLocation', locationId, path: { locationId } });
  const location = (answer.body.location ?? {}) as { name?: unknown; timezone?: unknown };
  return {
    name: typeof location.name === 'string' ? location.name : null,
    timezone: typeof location.timezone === 'string' ? location.timezone : null,
  };
}
