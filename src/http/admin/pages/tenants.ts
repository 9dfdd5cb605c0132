import type { Executor } from '../../../database/client.ts';

/** A location or agency that a row links to. */
export interface Tenant {
  name: string;
  kind: 'location' | 'company';
}

/** Loads the names of locations and companies, by id. */
export async function loadTenants(on: Executor, ids: readonly (string | null)[]): Promise<Map<string, Tenant>> {
  const rows = await on.installation.findMany({
    where: { resourceId: { in: [...new Set(ids.filter((id) => id !== null))] } },
    select: { kind: true, resourceId: true, name: true },
  });
  return new Map(rows.map(({ kind, resourceId, name }) => [resourceId, { kind, name: name ?? resourceId }]));
}
