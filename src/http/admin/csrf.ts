import { csrfSync } from 'csrf-sync';
import type { Request, RequestHandler } from 'express';
import { AppError } from '../../core/errors.ts';

export const csrfField = 'csrf';

const { generateToken, isRequestValid } = csrfSync({ getTokenFromRequest: (request) => request.body?.[csrfField] });

/** Returns the CSRF field for a form: a token that only the session and its pages have. */
export function getCsrfFields(request: Request): Record<string, string> {
  return { [csrfField]: generateToken(request) };
}

/**
 * Rejects forms that were not sent by one of our own pages: checks the origin that the browser sends and the session's token.
 * Needs a parsed body.
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
  return new AppError('csrf_invalid', 'This form is too old, or was not sent by one of our pages.');
}

/** Checks whether the browser reports another site as the origin of a request. */
export function isCrossSite(request: Request): boolean {
  const site = request.get('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return true;
  const origin = request.get('origin');
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== request.host);
}
