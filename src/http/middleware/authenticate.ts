import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { AppError } from '../../core/errors.ts';
import { tooManyRequests } from './rate-limit.ts';

/** Whoever guesses is slowed down; whoever knows the token never notices. */
const wrongTokens = { points: 20, duration: 60 };

/**
 * Lets the operator's token pass. Without one configured nobody passes.
 *
 * @throws AppError `unauthorized`, `too_many_requests`
 */
export function requireOperator(adminToken: string | undefined): RequestHandler {
  const failures = new RateLimiterMemory(wrongTokens);
  return async (request, response, next) => {
    const address = request.ip ?? 'unknown';
    const spent = await failures.get(address);
    if (spent && spent.consumedPoints >= wrongTokens.points) throw tooManyRequests(spent.msBeforeNext);
    const [scheme, token] = (request.get('authorization') ?? '').split(' ');
    if (!adminToken || scheme?.toLowerCase() !== 'bearer' || !token || !isSame(token, adminToken)) {
      await failures.penalty(address);
      response.set('www-authenticate', 'Bearer');
      throw new AppError('unauthorized', 'This needs the operator’s token: Authorization: Bearer <ADMIN_TOKEN>.');
    }
    next();
  };
}

/** Compares in a time that says nothing of where they differ, nor of the token's length. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
