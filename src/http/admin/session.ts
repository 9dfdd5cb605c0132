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
      /** Whose live streams these are, where not the token says it. */
      streamHolder?: StreamHolder;
      /** Without which a form of the operator's pages is refused. */
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

/** However busy somebody is: then they sign in again. */
const maxSessionMs = 12 * 60 * 60 * 1000;
/** Streams look for themselves whether the session still goes on. */
const sessionIdleMs = 60 * 60 * 1000;
/** Said by the page's own scripts, which work when nobody looks: what they ask for keeps no session alive. */
export const backgroundHeader = 'x-in-background';

/** Makes the browser's session the operator's, under a new id: whoever knew the old one knows nothing. */
export async function startSession(deps: OperatorSessionDeps, request: Request): Promise<void> {
  await toPromise((done) => request.session.regenerate(done));
  const [secret] = deps.sessionSecrets;
  request.session.operator = { proof: createBinding(deps.adminToken, secret), signedInAt: deps.clock.now() };
  // Now, so that no page has to write the session for it.
  getCsrfFields(request);
}

/** Ends the session in the database: its cookie opens nothing any more, whoever has a copy. */
export async function endSession(request: Request): Promise<void> {
  await toPromise((done) => request.session.destroy(done));
}

/** When the operator's session ends at the latest; null for no such session. One made with another ADMIN_TOKEN is none. */
export function findSessionEndMs(deps: OperatorSessionDeps, request: Request): number | null {
  const { operator } = request.session;
  if (!deps.adminToken || !operator) return null;
  const endsAtMs = operator.signedInAt + maxSessionMs;
  const isProven = deps.sessionSecrets.some((secret) => safeEqual(operator.proof, createBinding(deps.adminToken, secret)));
  return isProven && endsAtMs > deps.clock.now() ? endsAtMs : null;
}

/**
 * Lets only the operator's session pass. Who has none, or whose is over, is sent to sign in, and comes back then.
 *
 * @throws AppError `unauthorized`: a script asked
 */
export function requireOperator(deps: OperatorSessionDeps): RequestHandler {
  return (request, response, next) => {
    const endsAtMs = findSessionEndMs(deps, request);
    const isBackground = request.get(backgroundHeader) !== undefined;
    if (endsAtMs === null) {
      if (isBackground) throw new AppError('unauthorized', 'The session is over. Please sign in again.');
      return response.redirect(303, toSignInPath(request.originalUrl));
    }
    response.locals.access = 'operator';
    response.locals.streamHolder = {
      holder: request.sessionID,
      tenant: 'operator',
      endsAtMs: Math.min(endsAtMs, deps.clock.now() + sessionIdleMs),
      // Signing out deletes it, in whichever process.
      isAllowed: async () => (await deps.db.client.session.count({ where: { sid: request.sessionID } })) > 0,
    };
    response.locals.formFields = getCsrfFields(request);
    // Without it nothing is written when the answer ends, so the session's time runs on.
    if (isBackground) Reflect.deleteProperty(request, 'session');
    next();
  };
}

const adminPath = '/admin';

/** Where to sign in, and where to go then. */
export function toSignInPath(wanted: string): string {
  const to = toAdminPath(wanted);
  return `${adminPath}/sign-in${to === adminPath ? '' : `?${new URLSearchParams({ to })}`}`;
}

/** A page of the operator's, whatever was asked for: nobody is sent anywhere else. */
export function toAdminPath(wanted: unknown): string {
  const base = 'http://here';
  const url = typeof wanted === 'string' && URL.canParse(wanted, base) ? new URL(wanted, base) : null;
  if (url?.origin !== base || !/^\/admin(\/|$)/.test(url.pathname) || /^\/admin\/(sign|live)/.test(url.pathname))
    return adminPath;
  return `${url.pathname}${url.search}`;
}

/** Says of a session with which token it was made, to nobody who does not know the session secret too. */
function createBinding(adminToken: string | undefined, secret: string | undefined): string {
  return createHmac('sha256', secret ?? '')
    .update(`patchbay/operator/${adminToken}`)
    .digest('base64url');
}

function toPromise(start: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
}
