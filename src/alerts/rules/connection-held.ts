import type { Executor } from '../../database/client.ts';
import { type Finding, formatName } from '../alert.ts';

/** Finds connections whose vendor refuses the account or its credentials: their messages wait until a person repairs it. */
export async function findHeldConnections(on: Executor): Promise<Finding[]> {
  const rows = await on.$queryRaw<Row[]>`
    SELECT c.id::text AS "connectionId", c.provider_key AS "providerKey", c.location_id AS "locationId", i.company_id AS "companyId",
      i.name, c.status_reason AS reason
    FROM connections c
    JOIN installations i ON i.kind = 'location' AND i.resource_id = c.location_id AND i.status <> 'uninstalled'
    WHERE c.status = 'held' AND c.disabled_at IS NULL`;
  return rows.map(({ connectionId, providerKey, locationId, companyId, name, reason }) => ({
    subject: connectionId,
    locationId,
    companyId,
    details: `Channel ${providerKey} of ${formatName({ name, id: locationId })} is on hold, and its messages wait: ${reason ?? 'the vendor refuses the account.'}`,
  }));
}

interface Row {
  connectionId: string;
  providerKey: string;
  locationId: string;
  companyId: string | null;
  name: string | null;
  reason: string | null;
}
