import { type RequestHandler, type Response, Router } from 'express';
import { type AppError, isAppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import { isSame } from '../../core/is-same.ts';
import type { Database } from '../../database/client.ts';
import { type AuditAction, audit } from '../../installations/audit.ts';
import type { GuessLimit } from '../middleware/authenticate.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import type { LiveStreams } from '../pages/live.ts';
import { viewTools } from '../pages/render.ts';
import { problemText, type Text } from '../pages/texts.ts';
import { forgeryFields, refuseForgery } from './forgery.ts';
import { beginSession, endSession, type OperatorSessionDeps, ownPath, sessionEnd } from './session.ts';

export interface SignInDeps extends OperatorSessionDeps {
  db: Database;
  newId: NewId;
  live: LiveStreams;
  guesses: GuessLimit;
  sandboxUrl: string | undefined;
}

/** Of one address: a page that is shown leaves a row in the database. */
const shown = { points: 60, duration: 60 };

/** The way in, with the operator's token, and out again. Forms must have been read, and their session found. */
export function signIn(deps: SignInDeps): Router {
  const router = Router({ caseSensitive: true });

  const show = (response: Response, status: number, problem?: { code?: 'wrong'; error?: AppError }) => {
    const request = response.req;
    const text = response.locals.text as Text;
    response
      .status(status)
      .set('cache-control', 'no-store')
      .render('operator/sign-in', {
        ...viewTools(text),
        title: text('operator.signIn.title'),
        hasToken: deps.adminToken !== undefined,
        isSandbox: deps.sandboxUrl !== undefined,
        isWrong: problem?.code === 'wrong',
        problem: problem?.error ? problemText(text, problem.error) : null,
        hidden: deps.adminToken === undefined ? {} : forgeryFields(request),
        to: ownPath(request.query.to ?? request.body?.to),
      });
  };

  const note = (response: Response, action: AuditAction, actor: 'operator' | 'patchbay') =>
    audit(deps.db.client, deps, { actor, action, details: `From ${response.req.ip ?? 'an unknown address'}.` });

  router.get('/sign-in', limitRequests(shown), (request, response) => {
    if (sessionEnd(deps, request) !== null) return response.redirect(303, ownPath(request.query.to));
    show(response, 200);
  });

  const guarded: RequestHandler = async (request, response) => {
    if (deps.adminToken === undefined) return show(response, 200);
    const address = request.ip ?? 'unknown';
    await deps.guesses.check(address);
    refuseForgery(request, response, () => {});
    const token = request.body?.token;
    if (typeof token !== 'string' || !isSame(token.trim(), deps.adminToken)) {
      await deps.guesses.count(address);
      await note(response, 'operator_sign_in_failed', 'patchbay');
      return show(response, 401, { code: 'wrong' });
    }
    await beginSession(deps, request);
    await note(response, 'operator_signed_in', 'operator');
    response.redirect(303, ownPath(request.body.to));
  };

  router.post('/sign-in', limitRequests(shown), async (request, response, next) => {
    try {
      await guarded(request, response, next);
    } catch (error) {
      if (!isAppError(error, 'too_many_requests', 'form_outdated')) throw error;
      if (error.retryAfterMs) response.set('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
      show(response, error.status, { error });
    }
  });

  router.post('/sign-out', refuseForgery, async (request, response) => {
    if (sessionEnd(deps, request) !== null) await note(response, 'operator_signed_out', 'operator');
    deps.live.end(request.sessionID);
    await endSession(request);
    response.redirect(303, '/admin/sign-in');
  });

  return router;
}
