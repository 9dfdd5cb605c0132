import type { HighLevelCapability } from '../../compose/highlevel.ts';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { Installation } from '../../installations/store.ts';
import type { Access } from './access.ts';

export interface ConfirmUninstallDeps {
  clock: Clock;
  highlevel: Pick<HighLevelCapability, 'findUser'>;
}

/** A context of this page load is younger; a stored one is older. */
const maxContextAgeMs = 5 * 60 * 1000;

/** Returns the text that a user types to confirm the uninstall from an agency. */
export function getConfirmationText({ name, resourceId }: Installation): string {
  return name ?? resourceId;
}

export function isConfirmationText(company: Installation, typed: string): boolean {
  return [getConfirmationText(company), company.resourceId].map(normalize).includes(normalize(typed));
}

/**
 * Requires a confirmation of the uninstall from a whole agency: the agency's name, a user context of the last minutes, and, where the app
 * may read users, HighLevel's response that the user is an admin of the agency. The operator needs only the token.
 *
 * @throws AppError `request_invalid`: another name; `unauthorized`: the page must get a new user context; `forbidden`: HighLevel does not
 * list the user as an admin of the agency
 */
export async function confirmUninstall(
  deps: ConfirmUninstallDeps,
  access: Access,
  company: Installation,
  typed: string | undefined,
): Promise<void> {
  if (access === 'operator') return;
  if (!isConfirmationText(company, typed ?? '')) {
    throw new AppError(
      'request_invalid',
      `To uninstall the app from the whole agency, confirm with its name: ${getConfirmationText(company)}`,
    );
  }
  if (deps.clock.now() - access.seenAt > maxContextAgeMs) {
    throw new AppError(
      'unauthorized',
      'The user context of this token is too old. Reload the page to get a new one, then POST /api/session.',
    );
  }
  if (!company.scopes.includes('users.readonly')) return;
  const user = await deps.highlevel.findUser(company.resourceId, access.sub);
  if (user?.type === 'agency' && user.role === 'admin') return;
  throw new AppError('forbidden', 'The CRM does not list this user as an admin of the agency.');
}

function normalize(text: string): string {
  return text.normalize('NFC').trim().replace(/\s+/g, ' ').toLowerCase();
}
