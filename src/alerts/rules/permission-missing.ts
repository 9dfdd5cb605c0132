import type { Executor } from '../../database/client.ts';
import { operations } from '../../highlevel/operations.ts';
import { listAllPermissionProblems } from '../../installations/permissions.ts';
import { listInstallations } from '../../installations/store.ts';
import { type Finding, formatName } from '../alert.ts';

/** Permissions of operations that are optional for the app. */
const optionalPermissions = new Set(
  Object.entries(operations).flatMap(([name, one]) => ('isOptional' in one || 'isHelpful' in one ? [name, one.scope] : [])),
);

/** Finds permissions that HighLevel refuses until a person grants them. An alert resolves when a call succeeds. */
export async function findMissingPermissions(on: Executor): Promise<Finding[]> {
  const problems = await listAllPermissionProblems(on);
  const required = problems.filter(({ permission }) => !optionalPermissions.has(permission.slice(permission.indexOf(':') + 1)));
  if (required.length === 0) return [];
  const owners = required.map(({ kind, resourceId }) => ({ kind, resourceId }));
  const rows = await listInstallations(on, owners);
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
