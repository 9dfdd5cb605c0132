import type { Executor } from '../../database/client.ts';
import { listInstallationsByStatus } from '../../installations/store.ts';
import { type Finding, formatName } from '../alert.ts';

/** Finds installations that a user must reconnect. An alert resolves when the status changes. */
export async function findReauthRequired(on: Executor): Promise<Finding[]> {
  const rows = await listInstallationsByStatus(on, 'reauth_required');
  return rows.map(({ kind, resourceId, companyId, name, statusReason }) => ({
    subject: `${kind}/${resourceId}`,
    locationId: kind === 'location' ? resourceId : null,
    companyId: kind === 'location' ? companyId : resourceId,
    details: [`${formatName({ name, id: resourceId })} must be reconnected: install the app there again.`, statusReason]
      .filter(Boolean)
      .join(' '),
  }));
}
