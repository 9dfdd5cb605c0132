import type { Executor } from '../../database/client.ts';
import { type Finding, formatName } from '../alert.ts';

/** Installations that somebody must install again. One ends when its status changes. */
export async function findReauthRequired(on: Executor): Promise<Finding[]> {
  const rows = await on.installation.findMany({
    where: { status: 'reauth_required' },
    select: { kind: true, resourceId: true, companyId: true, name: true, statusReason: true },
  });
  return rows.map(({ kind, resourceId, companyId, name, statusReason }) => ({
    subject: `${kind}/${resourceId}`,
    locationId: kind === 'location' ? resourceId : null,
    companyId: kind === 'location' ? companyId : resourceId,
    details: [`${formatName({ name, id: resourceId })} must be reconnected: install the app there again.`, statusReason]
      .filter(Boolean)
      .join(' '),
  }));
}
