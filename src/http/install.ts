import { type Response, Router } from 'express';
import * as z from 'zod';
import { AppError } from '../core/errors.ts';
import { inOneLine } from '../core/text.ts';
import { beginInstall, completeInstall, type InstallDeps, installedBefore, redeemState } from '../installations/install.ts';
import type { Installation } from '../installations/store.ts';
import { progressOf, progressTicket } from './install-progress.ts';
import type { TokenDeps } from './user-tokens.ts';

export interface InstallPageDeps extends InstallDeps, TokenDeps {
  /** Where the app's page is shown in a frame; only sandbox mode has such a place of its own. */
  embeddedIn: string | undefined;
}

const callback = z.object({
  code: z.string().min(1).optional().catch(undefined),
  state: z.string().min(1).optional().catch(''),
  error: z.string().min(1).optional().catch(undefined),
  error_description: z.string().optional().catch(undefined),
});

/** The way into the app: to HighLevel's authorization page, and back with a code. */
export function install(deps: InstallPageDeps): Router {
  const router = Router({ caseSensitive: true });

  router.get('/install', (request, response) => {
    const { url, pending } = beginInstall(deps, request.session.pendingInstalls ?? []);
    request.session.pendingInstalls = pending;
    response.redirect(url);
  });

  router.get('/oauth/callback', async (request, response) => {
    const { code, state, error, error_description: said } = callback.parse(request.query);
    // A reload of the page that an install ended with: its code is spent, and what it connected is still connected.
    const known = code ? await installedBefore(deps, code) : null;
    if (known) return showConnected(known, response);
    if (state !== undefined) {
      request.session.pendingInstalls = redeemState(deps.clock, request.session.pendingInstalls ?? [], state);
      await saved(request.session);
    }
    if (error) throw denied(error, said);
    if (!code) throw new AppError('install_denied', 'The CRM sent no code. Please start the install again.');
    const installed = await completeInstall(deps, code);
    return showConnected(installed, response);
  });

  async function showConnected(installed: Installation, response: Response): Promise<void> {
    const isAgency = installed.kind === 'company';
    response.set('cache-control', 'no-store').render('install/connected', {
      installed: { kind: installed.kind, name: installed.name, id: installed.resourceId },
      progress: isAgency ? await progressOf(deps.db, installed) : null,
      ticket: isAgency ? await progressTicket(deps, installed.resourceId) : null,
      nextStepUrl: deps.embeddedIn && `${deps.embeddedIn}?${new URLSearchParams({ [installed.kind]: installed.resourceId })}`,
    });
  }

  return router;
}

function denied(error: string, said: string | undefined): AppError {
  return error === 'access_denied'
    ? new AppError('install_cancelled', 'The install was cancelled: nothing was connected. You can start it again at any time.')
    : new AppError('install_denied', 'The CRM did not go through with the install. Please start it again.', {
        details: [`The CRM says: ${inOneLine([error, said].filter(Boolean).join(': '), 300)}`],
      });
}

/** The state is spent before the code is: a second callback with it must find it gone, even while the first still waits. */
function saved(session: { save(done: (error?: unknown) => void): void }): Promise<void> {
  return new Promise((resolve, reject) => session.save((error) => (error ? reject(error) : resolve())));
}
