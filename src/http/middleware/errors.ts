import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { AppError, isAppError } from '../../core/errors.ts';
import type { Log } from '../../runtime/log.ts';

/** What nobody answered. */
export const notFound: RequestHandler = () => {
  throw new AppError('not_found', 'There is nothing at this address.');
};

/** Turns what was thrown into an answer: a page for people, JSON for programs. What is not ours is logged whole and told to nobody. */
export function errorHandler(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = asAppError(thrown);
    if (error.status >= 500) log.error({ err: thrown, requestId: request.id }, 'a request failed');
    response.status(error.status);
    if (error.retry === 'later') response.set('retry-after', String(Math.ceil((error.retryAfterMs ?? 5_000) / 1000)));
    if (wantsPage(request)) return showProblem(response, error);
    response.json({ error: { code: error.code, message: error.message, details: error.details } });
  };
}

/** Body parsers throw errors of their own kind, with a status. */
function asAppError(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  const status = thrown instanceof Error && 'status' in thrown ? thrown.status : undefined;
  switch (status) {
    case 413:
      return new AppError('too_large', 'The body is larger than this address takes.', { cause: thrown });
    case 400:
    case 415:
      return new AppError('payload_invalid', 'The request could not be read.', { cause: thrown });
  }
  return new AppError('internal', 'Something went wrong here. It has been logged.', { cause: thrown });
}

function wantsPage(request: Request): boolean {
  return request.method === 'GET' && !request.originalUrl.startsWith('/api') && request.accepts(['html', 'json']) === 'html';
}

function showProblem(response: Response, error: AppError): void {
  response.render('problem', {
    title: error.status === 404 ? 'Not found' : error.status < 500 ? 'That did not work' : 'Something went wrong',
    message: error.message,
    details: error.details,
    canRetryInstall: error.code.startsWith('install_'),
  });
}
