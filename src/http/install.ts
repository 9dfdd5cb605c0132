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
import type { TokenDeps } from './auth/user-tokens.ts';
import { readCookie, toCookieName } from './cookies.ts';
import { createProgressTicket, summarizeProgress } from './install-progress.ts';

export interface InstallPageDeps extends InstallDeps, TokenDeps {
  appUrl: string;
  /** Where the app's page is shown in a frame; only sandbox mode has such a place of its own. */
  customPageUrl: string | undefined;
}

const hourMs = 60 * 60 * 1000;

const callbackQuery = z.object({
  code: z.string().min(1).optional().catch(undefined),
  state: z.string().min(1).optional().catch(''),
  error: z.string().min(1).optional().catch(undefined),
  error_description: z.string().optional().catch(undefined),
});

/** The way into the app: to HighLevel's authorization page, and back with a code. */
export function createInstallRouter(deps: InstallPageDeps): Router {
  const router = Router({ caseSensitive: true });

  const https = deps.appUrl.startsWith('https:');
  const name = toCookieName('patchbay', { path: '/', https });
  // The authorization page sends the browser back by a link: `strict` would leave the cookie behind.
  const cookie = { path: '/', httpOnly: true, sameSite: 'lax', secure: https, maxAge: hourMs } as const;

  router.get('/install', (request, response) => {
    const browserId = readCookie(request, name) ?? deps.random(32).toString('base64url');
    response.cookie(name, browserId, cookie).set('cache-control', 'no-store').redirect(startInstall(deps, browserId));
  });

  router.get('/oauth/callback', async (request, response) => {
    const { code, state, error, error_description: errorDescription } = callbackQuery.parse(request.query);
    // A reload of the page that an install ended with: its code is spent, and what it connected is still connected.
    const previous = code ? await findCompletedInstall(deps, code) : null;
    if (previous) return showConnected(previous, response);
    // Without one it comes from the marketplace listing. A stranger who makes a browser open such an address wins nothing: what is
    // connected follows from the code alone, and this browser gets no right to it.
    if (state !== undefined) await consumeState(deps, readCookie(request, name), state);
    if (error) throw toInstallError(error, errorDescription);
    if (!code) throw new AppError('install_denied', 'The CRM sent no code. Please start the install again.');
    const installed = await completeInstall(deps, code);
    return showConnected(installed, response);
  });

  async function showConnected(installed: Installation, response: Response): Promise<void> {
    const isAgency = installed.kind === 'company';
    response.set('cache-control', 'no-store').render('install/connected', {
      installed: { kind: installed.kind, name: installed.name, id: installed.resourceId },
      progress: isAgency ? await summarizeProgress(deps.db, installed) : null,
      ticket: isAgency ? await createProgressTicket(deps, installed.resourceId) : null,
      nextStepUrl:
        deps.customPageUrl && `${deps.customPageUrl}?${new URLSearchParams({ [installed.kind]: installed.resourceId })}`,
    });
  }

  return router;
}

function toInstallError(error: string, description: string | undefined): AppError {
  return error === 'access_denied'
    ? new AppError('install_cancelled', 'The install was cancelled: nothing was connected. You can start it again at any time.')
    : new AppError('install_denied', 'The CRM did not go through with the install. Please start it again.', {
        details: [`The CRM says: ${toSingleLine([error, description].filter(Boolean).join(': '), 300)}`],
      });
}
