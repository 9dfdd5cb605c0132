import { type Response, Router } from 'express';
import * as z from 'zod';
import type { Installations } from '../compose/installations.ts';
import { AppError } from '../core/errors.ts';
import { toSingleLine } from '../core/sanitize.ts';
import type { Database } from '../database/client.ts';
import type { Installation } from '../installations/store.ts';
import type { TokenDeps } from './auth/user-tokens.ts';
import { type BrowserIdDeps, createBrowserId } from './browser-id.ts';
import { createProgressTicket, summarizeProgress } from './install-progress.ts';

export interface InstallPageDeps extends TokenDeps, BrowserIdDeps {
  db: Database;
  installations: Pick<Installations, 'startInstall' | 'consumeState' | 'completeInstall' | 'findCompletedInstall'>;
  /** URL that shows the app's page in a frame; only sandbox mode has one. */
  customPageUrl: string | undefined;
}

const callbackQuery = z.object({
  code: z.string().min(1).optional().catch(undefined),
  state: z.string().min(1).optional().catch(''),
  error: z.string().min(1).optional().catch(undefined),
  error_description: z.string().optional().catch(undefined),
});

/** Creates the routes of an install: to HighLevel's authorization page, and back with a code. */
export function createInstallRouter(deps: InstallPageDeps): Router {
  const { installations } = deps;
  const router = Router({ caseSensitive: true });

  const browserId = createBrowserId(deps);

  router.get('/install', (request, response) => {
    const url = installations.startInstall(browserId.keep(request, response));
    response.set('cache-control', 'no-store').redirect(url);
  });

  // Express would run the GET: a scanner that looks at the address must not use up its code.
  router.head('/oauth/callback', (_request, response) => void response.set('cache-control', 'no-store').end());

  router.get('/oauth/callback', async (request, response) => {
    const { code, state, error, error_description: errorDescription } = callbackQuery.parse(request.query);
    // A reload of the page that completed an install: the code is used up, and the installation exists.
    const previous = code ? await installations.findCompletedInstall(code) : null;
    if (previous) return showConnected(previous, response);
    // A callback without a state comes from the marketplace listing. An attacker who makes a browser open such a URL gains no access: the
    // code alone decides which location is connected, and this browser gets no right to it.
    if (state !== undefined) await installations.consumeState(browserId.read(request), state);
    if (error) throw toInstallError(error, errorDescription);
    if (!code) throw new AppError('install_denied', 'The CRM sent no authorization code. Start the install again.');
    const installed = await installations.completeInstall(code);
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
    ? new AppError(
        'install_cancelled',
        'The install was cancelled and no location was connected. You can start it again at any time.',
      )
    : new AppError('install_denied', 'The CRM rejected the install. Start it again.', {
        details: [`Response of the CRM: ${toSingleLine([error, description].filter(Boolean).join(': '), 300)}`],
      });
}
