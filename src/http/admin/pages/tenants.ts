import type { Executor } from '../../../database/client.ts';

/** Who a row is about, as a link to it: a location, an agency, or one that is not known any more. */
export interface Tenant {
  name: string;
  kind: 'location' | 'company';
}

/** Names of locations and companies by their ids, for a list that shows them. */
export async function loadTenants(on: Executor, ids: readonly (string | null)[]): Promise<Map<string, Tenant>> {
  const rows = await on.installation.findMany({
    where: { resourceId: { in: [...new Set(ids.filter((id) => id !== null))] } },
    select: { kind: true, resourceId: true, name: true },
  });
  return new Map(rows.map(({ kind, resourceId, name }) => [resourceId, { kind, name: name ?? resourceId }]));
}
