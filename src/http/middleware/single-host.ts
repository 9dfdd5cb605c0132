import type { RequestHandler } from 'express';
import { AppError } from '../../core/errors.ts';

/** Rejects a request with several Host headers: a proxy may have checked another one than Node reads (RFC 9112, 3.2). */
export const requireSingleHost: RequestHandler = (request, _response, next) => {
  let count = 0;
  for (let at = 0; at < request.rawHeaders.length; at += 2) if (request.rawHeaders[at]?.toLowerCase() === 'host') count += 1;
  next(count > 1 ? new AppError('payload_invalid', 'The request has more than one Host header.') : undefined);
};
