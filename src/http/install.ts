import { type Response, Router } from 'express';
import * as z from 'zod';
import { AppError } from '../core/errors.ts';
import { toSingleLine } from '../core/sanitize.ts';
import {
  completeInstall,
  consumeState,
  findCompletedInstall,
  type InstallDeps,
  startInstall,
} from '../installations/install.ts';
import type { Installation } from '../installations/store.ts';
import { cookieName, readCookie } from './cookies.ts';
import { progressOf, progressTicket } from './install-progress.ts';
import type { TokenDeps } from './user-tokens.ts';

export interface InstallPageDeps extends InstallDeps, TokenDeps {
  appUrl: string;
  /** Where the app's page is shown in a frame; only sandbox mode has such a place of its own. */
  embeddedIn: string | undefined;
}

const hourMs = 60 * 60 * 1000;

const callback = z.object({
  code: z.string().min(1).optional().catch(undefined),
  state: z.string().min(1).optional().catch(''),
  error: z.string().min(1).optional().catch(undefined),
  error_description: z.string().optional().catch(undefined),
});

/** The way into the app: to HighLevel's authorization page, and back with a code. */
export function install(deps: InstallPageDeps): Router {
  const router = Router({ caseSensitive: true });

  const https = deps.appUrl.startsWith('https:');
  const name = cookieName('patchbay', { path: '/', https });
  // The authorization page sends the browser back by a link: `strict` would leave the cookie behind.
  const cookie = { path: '/', httpOnly: true, sameSite: 'lax', secure: https, maxAge: hourMs } as const;

  router.get('/install', (request, response) => {
    const browser = readCookie(request, name) ?? deps.random(32).toString('base64url');
    response.cookie(name, browser, cookie).set('cache-control', 'no-store').redirect(startInstall(deps, browser));
  });

  router.get('/oauth/callback', async (request, response) => {
    const { code, state, error, error_description: said } = callback.parse(request.query);
    // A reload of the page that an install ended with: its code is spent, and what it connected is still connected.
    const known = code ? await findCompletedInstall(deps, code) : null;
    if (known) return showConnected(known, response);
    // Without one it comes from the marketplace listing. A stranger who makes a browser open such an address wins nothing: what is
    // connected follows from the code alone, and this browser gets no right to it.
    if (state !== undefined) await consumeState(deps, readCookie(request, name), state);
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
        details: [`The CRM says: ${toSingleLine([error, said].filter(Boolean).join(': '), 300)}`],
      });
}
