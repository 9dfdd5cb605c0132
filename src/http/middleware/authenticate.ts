import type { RequestHandler } from 'express';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import { type Access, readUserToken, type UserTokenDeps } from '../auth/access.ts';
import type { AuthFailureLimit } from './auth-failure-limit.ts';

declare global {
  namespace Express {
    interface Locals {
      /** Who asks; set once {@link authenticate} has let the request pass. */
      access?: Access;
    }
  }
}

export interface AuthenticateDeps extends UserTokenDeps {
  adminToken: string | undefined;
  authFailureLimit: AuthFailureLimit;
}

/**
 * Lets the operator's token pass, and those that users got for their context. Without an operator's token configured there is none to
 * guess. A request without a token, and a signed token that has ended, are no guesses and are never counted: a stranger can't shut out
 * others who come by the same address.
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
        'This needs a token that is still good: Authorization: Bearer <ADMIN_TOKEN>, or the one from POST /api/session.',
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
  // What has the form of a signed token is no guess at an operator's token of another form.
  if (!adminToken || (isSigned && countParts(adminToken) !== 3)) return null;
  await authFailureLimit.check('operator_token', address);
  if (safeEqual(token, adminToken)) return 'operator';
  await authFailureLimit.recordFailure('operator_token', address);
  return null;
}

function countParts(token: string): number {
  return token.split('.').length;
}
