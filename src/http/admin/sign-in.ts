import { type Request, type RequestHandler, type Response, Router } from 'express';
import { type AuditAction, audit } from '../../audit/audit-log.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { Database } from '../../database/client.ts';
import type { AuthFailureLimit } from '../middleware/auth-failure-limit.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import { getOperatorCookie } from '../middleware/sessions.ts';
import type { LiveStreams } from '../pages/framework/live.ts';
import { createViewTools } from '../pages/framework/render.ts';
import { type Text, toProblem } from '../pages/framework/texts.ts';
import { endSession, findSessionEndMs, type OperatorSessionDeps, startSession, toAdminPath } from './session.ts';
import { createSignInForm, type SignInFormDeps } from './sign-in-form.ts';

export interface SignInDeps extends OperatorSessionDeps, SignInFormDeps {
  db: Database;
  newId: NewId;
  live: LiveStreams;
  authFailureLimit: AuthFailureLimit;
  sandboxUrl: string | undefined;
}

/** Per IP address. */
const requestLimit = { points: 60, duration: 60 };

/** Creates the routes to sign in with the operator's token. Needs parsed forms and the session. */
export function createSignInRouter(deps: SignInDeps): Router {
  const router = Router({ caseSensitive: true });
  const form = createSignInForm(deps);

  const show = (response: Response, status: number, problem?: { code?: 'wrong'; error?: AppError }) => {
    const request = response.req;
    const text = response.locals.text as Text;
    response
      .status(status)
      .set('cache-control', 'no-store')
      .render('admin/sign-in', {
        ...createViewTools(text),
        title: text('operator.signIn.title'),
        hasToken: deps.adminToken !== undefined,
        isSandbox: deps.sandboxUrl !== undefined,
        isWrong: problem?.code === 'wrong',
        isUnsent: request.query.unsent !== undefined,
        problem: problem?.error ? toProblem(text, problem.error) : null,
        hidden: deps.adminToken === undefined ? {} : form.fields(response),
        to: toAdminPath(request.query.to ?? request.body?.to),
      });
  };

  router.get('/sign-in', limitRequests(requestLimit), (request, response) => {
    if (findSessionEndMs(deps, request) !== null) return response.redirect(303, toAdminPath(request.query.to));
    show(response, 200);
  });

  const handleSignIn: RequestHandler = async (request, response) => {
    if (deps.adminToken === undefined) return show(response, 200);
    await deps.authFailureLimit.check('sign_in', request.ip);
    form.verify(request);
    const token = request.body?.token;
    if (typeof token !== 'string' || !safeEqual(token.trim(), deps.adminToken)) {
      await deps.authFailureLimit.recordFailure('sign_in', request.ip);
      return show(response, 401, { code: 'wrong' });
    }
    await startSession(deps, request);
    form.clear(response);
    await recordSession(deps, request, 'operator_signed_in');
    response.redirect(303, toAdminPath(request.body.to));
  };

  router.post('/sign-in', limitRequests(requestLimit), async (request, response, next) => {
    try {
      await handleSignIn(request, response, next);
    } catch (error) {
      if (!isAppError(error, 'too_many_requests', 'csrf_invalid')) throw error;
      if (error.retryAfterMs) response.set('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
      show(response, error.status, { error });
    }
  });

  return router;
}

/** Creates the handler that ends the operator's session. Needs a session and its CSRF check. */
export function createSignOut(deps: SignInDeps): RequestHandler {
  return async (request, response) => {
    await recordSession(deps, request, 'operator_signed_out');
    deps.live.end(request.sessionID);
    await endSession(request);
    const { name, path } = getOperatorCookie(deps.appUrl.startsWith('https:'));
    // Not "cookies": that would end sessions of other programs under the same domain.
    response.clearCookie(name, { path }).set('clear-site-data', '"cache", "storage"');
    response.redirect(303, '/admin/sign-in');
  };
}

function recordSession(deps: SignInDeps, { ip }: Request, action: AuditAction): Promise<void> {
  return audit(deps.db.client, deps, { actor: 'operator', action, details: `From ${ip ?? 'an unknown address'}.` });
}
