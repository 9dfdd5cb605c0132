import type { RequestHandler } from 'express';
import { isApiToken } from '../../core/api-token.ts';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { TokenAccess } from '../../installations/api-tokens.ts';
import { type Access, readUserToken, type UserTokenDeps } from '../auth/access.ts';
import type { AuthFailureLimit } from './auth-failure-limit.ts';

declare global {
  namespace Express {
    interface Locals {
      /** The caller; set by {@link authenticate}. */
      access?: Access;
      /** The caller with an API token, at the API alone. */
      apiToken?: TokenAccess;
    }
  }
}

export interface AuthenticateDeps extends UserTokenDeps {
  adminToken: string | undefined;
  authFailureLimit: AuthFailureLimit;
}

/**
 * Accepts the operator's token, the tokens of users and, where `findToken` is given, API tokens. Requests without a token, with an expired
 * signed token or one in the form of an API token, and all requests while no operator's token is configured do not count as authentication
 * failures: a stranger cannot lock out callers behind the same address.
 *
 * @param findToken finds the access of an API token; left out where only people are let in
 * @throws AppError `unauthorized`, `too_many_requests`
 */
export function authenticate(
  deps: AuthenticateDeps,
  findToken?: (token: string) => Promise<TokenAccess | null>,
): RequestHandler {
  return async (request, response, next) => {
    const [scheme, token] = (request.get('authorization') ?? '').split(' ');
    const bearer = scheme?.toLowerCase() === 'bearer' && token ? token : null;
    const apiToken = bearer && isApiToken(bearer) && findToken ? await findToken(bearer) : null;
    const access = bearer && !apiToken ? await resolveAccess(deps, bearer, request.ip) : null;
    if (!access && !apiToken) {
      response.set('www-authenticate', 'Bearer');
      throw new AppError(
        'unauthorized',
        'A valid token is required. Send Authorization: Bearer with ADMIN_TOKEN, an API token or the token from POST /api/session.',
      );
    }
    if (access) response.locals.access = access;
    if (apiToken) response.locals.apiToken = apiToken;
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
  if (isApiToken(token) && !isApiToken(adminToken)) return null;
  await authFailureLimit.check('operator_token', address);
  if (safeEqual(token, adminToken)) return 'operator';
  await authFailureLimit.recordFailure('operator_token', address);
  return null;
}

function countParts(token: string): number {
  return token.split('.').length;
}
