import type { RequestHandler } from 'express';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { AppError } from '../../core/errors.ts';
import { isSame } from '../../core/is-same.ts';
import { type Access, readUserToken } from '../access.ts';
import type { TokenDeps } from '../user-tokens.ts';
import { tooManyRequests } from './rate-limit.ts';

declare global {
  namespace Express {
    interface Locals {
      /** Who asks; set once {@link authenticate} has let the request pass. */
      access?: Access;
    }
  }
}

/** Whoever guesses is slowed down; whoever knows a token never notices. */
const wrongTokens = { points: 20, duration: 60 };

/** Counts an address's wrong guesses, in this process. */
export function guessLimit() {
  const failures = new RateLimiterMemory(wrongTokens);
  return {
    /** @throws AppError `too_many_requests` */
    async check(address: string): Promise<void> {
      const spent = await failures.get(address);
      if (spent && spent.consumedPoints >= wrongTokens.points) throw tooManyRequests(spent.msBeforeNext);
    },
    async count(address: string): Promise<void> {
      await failures.penalty(address);
    },
  };
}

export type GuessLimit = ReturnType<typeof guessLimit>;

/**
 * Lets the operator's token pass, and those that users got for their context. Without an operator's token configured nobody is one.
 *
 * @throws AppError `unauthorized`, `too_many_requests`
 */
export function authenticate(deps: TokenDeps & { adminToken: string | undefined }, guesses: GuessLimit): RequestHandler {
  return async (request, response, next) => {
    const address = request.ip ?? 'unknown';
    await guesses.check(address);
    const [scheme, token] = (request.get('authorization') ?? '').split(' ');
    const access = scheme?.toLowerCase() === 'bearer' && token ? await accessOf(deps, token) : null;
    if (!access) {
      // One of ours that is over is no guess: nobody can guess a signature.
      if (token?.split('.').length !== 3) await guesses.count(address);
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

async function accessOf(deps: Parameters<typeof authenticate>[0], token: string): Promise<Access | null> {
  if (deps.adminToken && isSame(token, deps.adminToken)) return 'operator';
  return readUserToken(deps, token);
}
