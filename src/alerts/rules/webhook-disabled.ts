import type { Executor } from '../../database/client.ts';
import { type Finding, formatName } from '../alert.ts';

/** Finds webhook endpoints that were switched off because of their failures. A person enables or removes them. */
export async function findDisabledEndpoints(on: Executor): Promise<Finding[]> {
  const rows = await on.$queryRaw<Row[]>`
    SELECT w.id::text AS "endpointId", w.url, w.location_id AS "locationId", i.company_id AS "companyId", i.name, w.disabled_reason AS reason
    FROM webhook_endpoints w
    JOIN installations i ON i.kind = 'location' AND i.resource_id = w.location_id AND i.status <> 'uninstalled'
    WHERE w.disabled_at IS NOT NULL AND w.disabled_reason <> 'user'`;
  return rows.map(({ endpointId, url, locationId, companyId, name, reason }) => ({
    subject: endpointId,
    locationId,
    companyId,
    details: `The webhook endpoint at ${URL.parse(url)?.host ?? '?'} of ${formatName({ name, id: locationId })} was disabled: ${describeReason(reason)}`,
  }));
}

function describeReason(reason: string): string {
  return reason === 'gone' ? 'it responded 410 Gone.' : 'it has acknowledged no event for five days.';
}

interface Row {
  endpointId: string;
  url: string;
  locationId: string;
  companyId: string | null;
  name: string | null;
  reason: string;
}
