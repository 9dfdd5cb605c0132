import type { RequestHandler } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { AppError } from '../../core/errors.ts';
import { toNetwork } from '../../core/network.ts';

/** Maximum number of requests (`points`) in `duration` seconds. */
export interface RequestLimit {
  points: number;
  duration: number;
}

/** Limits the requests of each IPv4 address and each /56 of IPv6, in this process. @throws AppError `too_many_requests` */
export function limitRequests(limit: RequestLimit): RequestHandler {
  const limiter = new RateLimiterMemory(limit);
  return async (request, _response, next) => {
    await limiter.consume(toNetwork(request.ip, 56)).catch((error: unknown) => {
      throw error instanceof RateLimiterRes ? createRateLimitError(error.msBeforeNext) : error;
    });
    next();
  };
}

export function createRateLimitError(retryAfterMs: number): AppError {
  return new AppError('too_many_requests', 'Too many requests from this address. Please wait a moment.', { retryAfterMs });
}
