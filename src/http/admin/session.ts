import { createHmac } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { Database } from '../../database/client.ts';
import type { StreamHolder } from '../pages/framework/live.ts';
import { getCsrfFields } from './csrf.ts';

declare module 'express-session' {
  interface SessionData {
    operator: { proof: string; signedInAt: number };
  }
}

declare global {
  namespace Express {
    interface Locals {
      /** The holder of live streams when the token does not name it. */
      streamHolder?: StreamHolder;
      /** The hidden fields that the operator's forms need. */
      formFields?: Record<string, string>;
    }
  }
}

export interface OperatorSessionDeps {
  db: Database;
  clock: Clock;
  adminToken: string | undefined;
  sessionSecrets: readonly string[];
}

/** Limit of a session, active or not. */
const maxSessionMs = 12 * 60 * 60 * 1000;
/** Limit of a live stream without a new page: the session may expire meanwhile. */
const sessionIdleMs = 60 * 60 * 1000;
/** Marks requests of the page's own scripts, which also run unattended: these do not extend the session. */
const backgroundHeader = 'x-in-background';

/** Starts the operator's session under a new id, which prevents session fixation. */
export async function startSession(deps: OperatorSessionDeps, request: Request): Promise<void> {
  await toPromise((done) => request.session.regenerate(done));
  const [secret] = deps.sessionSecrets;
  request.session.operator = { proof: createBinding(deps.adminToken, secret), signedInAt: deps.clock.now() };
  // Generated now, so that no page has to write the session for it.
  getCsrfFields(request);
}

/** Deletes the session in the database, which also invalidates copies of its cookie. */
export async function endSession(request: Request): Promise<void> {
  await toPromise((done) => request.session.destroy(done));
}

/** Returns the latest end of the operator's session; null without a session, or for one of another ADMIN_TOKEN. */
export function findSessionEndMs(deps: OperatorSessionDeps, request: Request): number | null {
  const { operator } = request.session;
  if (!deps.adminToken || !operator) return null;
  const endsAtMs = operator.signedInAt + maxSessionMs;
  const isProven = deps.sessionSecrets.some((secret) => safeEqual(operator.proof, createBinding(deps.adminToken, secret)));
  return isProven && endsAtMs > deps.clock.now() ? endsAtMs : null;
}

/**
 * Requires the operator's session. Other requests are redirected to sign in and back afterwards.
 *
 * @throws AppError `unauthorized` for requests of scripts
 */
export function requireOperator(deps: OperatorSessionDeps): RequestHandler {
  return (request, response, next) => {
    const endsAtMs = findSessionEndMs(deps, request);
    const isBackground = request.get(backgroundHeader) !== undefined;
    if (endsAtMs === null) {
      if (isBackground) throw new AppError('unauthorized', 'The session has ended. Please sign in again.');
      return response.redirect(303, toSignInPath(request));
    }
    response.locals.access = 'operator';
    response.locals.streamHolder = {
      holder: request.sessionID,
      tenant: 'operator',
      endsAtMs: Math.min(endsAtMs, deps.clock.now() + sessionIdleMs),
      // Signing out deletes the row, in any process.
      isAllowed: async () => (await deps.db.client.session.count({ where: { sid: request.sessionID } })) > 0,
    };
    response.locals.formFields = getCsrfFields(request);
    // Without a session on the request, its expiry is not extended at the end of the response.
    if (isBackground) Reflect.deleteProperty(request, 'session');
    next();
  };
}

const adminPath = '/admin';

/** Returns the path of the sign-in page, with the page to return to, and whether a form was sent, which is lost. */
function toSignInPath({ method, path, originalUrl }: Request): string {
  const to = toAdminPath(originalUrl);
  const isUnsent = method === 'POST' && path !== '/sign-out';
  const query = new URLSearchParams({ ...(to === adminPath ? {} : { to }), ...(isUnsent ? { unsent: '' } : {}) });
  return `${adminPath}/sign-in${query.size > 0 ? `?${query}` : ''}`;
}

/** Returns the requested path if it is one of the operator's pages, else their start page: prevents open redirects. */
export function toAdminPath(wanted: unknown): string {
  const base = 'http://here';
  const url = typeof wanted === 'string' && URL.canParse(wanted, base) ? new URL(wanted, base) : null;
  if (url?.origin !== base || !/^\/admin(\/|$)/.test(url.pathname) || /^\/admin\/(sign|live)/.test(url.pathname))
    return adminPath;
  return `${url.pathname}${url.search}`;
}

/** Computes an HMAC that binds a session to the token it was made with. */
function createBinding(adminToken: string | undefined, secret: string | undefined): string {
  return createHmac('sha256', secret ?? '')
    .update(`patchbay/operator/${adminToken}`)
    .digest('base64url');
}

function toPromise(start: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
}
