import { mailOptOutReasons } from '../../channels/mail/opt-out-reasons.ts';
import { formatCount } from '../../core/format-count.ts';
import { minIdAt } from '../../core/ids.ts';
import type { Executor } from '../../database/client.ts';
import { type Finding, formatName } from '../alert.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Finds connections whose contacts have marked emails as spam, or have unsubscribed, within the last day: mailbox providers stop taking the emails of
 * a sender with many complaints. Ids of opt-outs begin with their time, so the primary key serves.
 */
export async function findMailComplaints(on: Executor, now: Date): Promise<Finding[]> {
  const { complaint, unsubscribed, link } = mailOptOutReasons;
  const rows = await on.$queryRaw<Row[]>`
    SELECT c.id::text AS "connectionId", c.provider_key AS "providerKey", c.location_id AS "locationId", i.company_id AS "companyId",
      i.name, recent.complaints, recent.unsubscribes
    FROM (
      SELECT connection_id, (count(*) FILTER (WHERE reason = ${complaint}))::int AS complaints,
        (count(*) FILTER (WHERE reason <> ${complaint}))::int AS unsubscribes
      FROM opt_outs
      WHERE id >= ${minIdAt(new Date(now.getTime() - dayMs))}::uuid AND message_type = 'email' AND source = 'vendor' AND lifted_at IS NULL
        AND reason IN (${complaint}, ${unsubscribed}, ${link})
      GROUP BY connection_id) AS recent
    JOIN connections c ON c.id = recent.connection_id AND c.disabled_at IS NULL
    JOIN installations i ON i.kind = 'location' AND i.resource_id = c.location_id AND i.status <> 'uninstalled'`;
  return rows.map(({ connectionId, providerKey, locationId, companyId, name, complaints, unsubscribes }) => ({
    subject: connectionId,
    locationId,
    companyId,
    details: `Channel ${providerKey} of ${formatName({ name, id: locationId })}: within a day ${formatCount(complaints, 'contact')} marked emails as spam and ${unsubscribes} unsubscribed. They get no more messages.`,
  }));
}

interface Row {
  connectionId: string;
  providerKey: string;
  locationId: string;
  companyId: string | null;
  name: string | null;
  complaints: number;
  unsubscribes: number;
}
