import type { Executor } from '../../database/client.ts';
import { operations } from '../../highlevel/operations.ts';
import { type Finding, formatName } from '../alert.ts';

/** Operations that the app does without where they are refused. */
const optionalPermissions = new Set(
  Object.entries(operations).flatMap(([name, one]) => ('isOptional' in one || 'isHelpful' in one ? [name, one.scope] : [])),
);

/** Finds what HighLevel refuses to installations until a person mends it. An alert ends when a call has succeeded. */
export async function findMissingPermissions(on: Executor): Promise<Finding[]> {
  const problems = await on.permissionProblem.findMany({ orderBy: { refusedAt: 'asc' } });
  const required = problems.filter(({ permission }) => !optionalPermissions.has(permission.slice(permission.indexOf(':') + 1)));
  if (required.length === 0) return [];
  const owners = required.map(({ kind, resourceId }) => ({ kind, resourceId }));
  const rows = await on.installation.findMany({
    where: { OR: owners },
    select: { kind: true, resourceId: true, companyId: true, name: true },
  });
  const installations = new Map(rows.map((row) => [`${row.kind}/${row.resourceId}`, row]));
  return required.flatMap(({ kind, resourceId, permission, message }) => {
    const row = installations.get(`${kind}/${resourceId}`);
    if (!row) return [];
    return {
      subject: `${kind}/${resourceId}/${permission}`,
      locationId: kind === 'location' ? resourceId : null,
      companyId: kind === 'location' ? row.companyId : resourceId,
      details: `${formatName({ name: row.name, id: resourceId })}: ${message}`,
    };
  });
}
