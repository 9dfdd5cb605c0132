import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { HighLevel } from '../../highlevel/client.ts';
import { findUser } from '../../highlevel/users.ts';
import type { Installation } from '../../installations/store.ts';
import type { Access } from './access.ts';

export interface ConfirmUninstallDeps {
  clock: Clock;
  highLevel: HighLevel;
}

/** A handshake of the moment; a context that somebody kept is older. */
const maxContextAgeMs = 5 * 60 * 1000;

/** What a person types to take the app out of an agency. */
export function getConfirmationText({ name, resourceId }: Installation): string {
  return name ?? resourceId;
}

export function isConfirmationText(company: Installation, typed: string): boolean {
  return [getConfirmationText(company), company.resourceId].map(normalize).includes(normalize(typed));
}

/**
 * Lets an agency's admin take the app out of the whole agency only after typing its name, with a handshake of the last minutes, and,
 * where the app may read users, if HighLevel says that this is an admin of an agency. The operator's token is enough by itself.
 *
 * @throws AppError `request_invalid`: another name; `unauthorized`: a new handshake is needed, which the page makes by itself;
 * `forbidden`: HighLevel does not know the user as one
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
      `To take the app out of the whole agency, confirm with its name: ${getConfirmationText(company)}`,
    );
  }
  if (deps.clock.now() - access.seenAt > maxContextAgeMs) {
    throw new AppError('unauthorized', 'This needs a token for a new user context: reload the page, then POST /api/session.');
  }
  if (!company.scopes.includes('users.readonly')) return;
  const user = await findUser(deps.highLevel, company.resourceId, access.sub);
  if (user?.type === 'agency' && user.role === 'admin') return;
  throw new AppError('forbidden', 'The CRM does not know this user as an admin of the agency.');
}

function normalize(text: string): string {
  return text.normalize('NFC').trim().replace(/\s+/g, ' ').toLowerCase();
}
