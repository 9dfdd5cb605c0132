import { csrfSync } from 'csrf-sync';
import type { Request, RequestHandler } from 'express';
import { AppError } from '../../core/errors.ts';

export const csrfField = 'csrf';

const { generateToken, isRequestValid } = csrfSync({ getTokenFromRequest: (request) => request.body?.[csrfField] });

/** The fields by which a form of ours is known: a token that only the session and its pages have. */
export function getCsrfFields(request: Request): Record<string, string> {
  return { [csrfField]: generateToken(request) };
}

/**
 * Lets a form pass that one of our own pages has sent: the browser says where it comes from, and it carries its session's token.
 * The body must have been read.
 *
 * @throws AppError `csrf_invalid`
 */
export const requireCsrfToken: RequestHandler = (request, _response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') return next();
  if (isCrossSite(request) || !isRequestValid(request)) {
    throw createCsrfError();
  }
  next();
};

export function createCsrfError(): AppError {
  return new AppError('csrf_invalid', 'This form is too old, or was not sent by a page of ours.');
}

/** Whether the browser says that a request comes from another site than ours. */
export function isCrossSite(request: Request): boolean {
  const site = request.get('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return true;
  const origin = request.get('origin');
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== request.host);
}
