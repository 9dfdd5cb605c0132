import type { Executor } from '../database/client.ts';

/** Lists the keys of the providers that have a channel, by location and in the order in which they were connected. */
export async function listConnectedProviders(on: Executor, locationIds: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await on.$queryRaw<{ locationId: string; providerKey: string }[]>`
    SELECT location_id AS "locationId", provider_key AS "providerKey" FROM connections
    WHERE location_id = ANY (${locationIds}::text[]) AND disabled_at IS NULL AND is_default ORDER BY id`;
  const byLocation = Map.groupBy(rows, ({ locationId }) => locationId);
  return new Map([...byLocation].map(([id, connections]) => [id, connections.map(({ providerKey }) => providerKey)]));
}
