import type { RequestHandler } from 'express';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import { type Access, readUserToken, type UserTokenDeps } from '../auth/access.ts';
import type { AuthFailureLimit } from './auth-failure-limit.ts';

declare global {
  namespace Express {
    interface Locals {
      /** The caller; set by {@link authenticate}. */
      access?: Access;
    }
  }
}

export interface AuthenticateDeps extends UserTokenDeps {
  adminToken: string | undefined;
  authFailureLimit: AuthFailureLimit;
}

/**
 * Accepts the operator's token and the tokens of users. Requests without a token, with an expired signed token, and all requests while no
 * operator's token is configured do not count as authentication failures: a stranger cannot lock out callers behind the same address.
 *
 * @throws AppError `unauthorized`, `too_many_requests`
 */
export function authenticate(deps: AuthenticateDeps): RequestHandler {
  return async (request, response, next) => {
    const [scheme, token] = (request.get('authorization') ?? '').split(' ');
    const access = scheme?.toLowerCase() === 'bearer' && token ? await resolveAccess(deps, token, request.ip) : null;
    if (!access) {
      response.set('www-authenticate', 'Bearer');
      throw new AppError(
        'unauthorized',
        'A valid token is required. Send Authorization: Bearer with ADMIN_TOKEN or with the token from POST /api/session.',
      );
    }
    response.locals.access = access;
    next();
  };
}

async function resolveAccess(deps: AuthenticateDeps, token: string, address: string | undefined): Promise<Access | null> {
  const { adminToken, authFailureLimit } = deps;
  const isSigned = countParts(token) === 3;
  const user = isSigned ? await readUserToken(deps, token) : null;
  if (user) return user;
  // A token in the form of a signed token is no attempt at an operator's token of another form.
  if (!adminToken || (isSigned && countParts(adminToken) !== 3)) return null;
  await authFailureLimit.check('operator_token', address);
  if (safeEqual(token, adminToken)) return 'operator';
  await authFailureLimit.recordFailure('operator_token', address);
  return null;
}

function countParts(token: string): number {
  return token.split('.').length;
}
