import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { AppError, type ErrorCode, isAppError } from '../../core/errors.ts';
import { isInvalidValue, isSchemaMismatch, isUnavailable } from '../../database/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { type Text, toProblem } from '../pages/framework/texts.ts';

/** Rejects a request that no route has handled. */
export const handleNotFound: RequestHandler = () => {
  throw new AppError('not_found', 'This address does not exist.');
};

/** Creates the error handler: a page for browsers, JSON for programs. An unexpected error is logged in full and not disclosed. */
export function createErrorHandler(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = prepareErrorResponse(log, thrown, request, response);
    if (acceptsPage(request, response)) return renderProblem(response, error);
    response
      .set('cache-control', 'no-store')
      .json({ error: { code: error.code, message: error.message, details: error.details } });
  };
}

/** Converts what was thrown, sets status and headers, and logs failures of ours. @returns the error to respond with */
export function prepareErrorResponse(log: Log, thrown: unknown, request: Request, response: Response): AppError {
  const error = toAppError(thrown);
  if (error.status >= 500) log.error({ err: thrown, requestId: request.id }, 'request failed');
  // A handler may have set headers for the body that it could not send.
  for (const name of representationHeaders) response.removeHeader(name);
  response.status(error.status).set('cache-control', 'no-store');
  if (error.retry === 'later') response.set('retry-after', String(Math.ceil((error.retryAfterMs ?? 5_000) / 1000)));
  return error;
}

const representationHeaders = ['content-type', 'content-length', 'content-disposition', 'etag', 'last-modified'];

/** Converts what was thrown to an AppError: body parsers throw errors with a status, and the database has many errors for being unavailable. */
export function toAppError(thrown: unknown): AppError {
  if (isAppError(thrown)) return thrown;
  if (isUnavailable(thrown)) {
    return new AppError('database_unavailable', 'The database is unavailable. Please try again.', {
      cause: thrown,
    });
  }
  // A newer version has migrated the database, and this process is about to stop: its successor takes the request when it is repeated.
  if (isSchemaMismatch(thrown)) {
    return new AppError('database_unavailable', 'The program is being updated. Please try again.', { cause: thrown });
  }
  if (isInvalidValue(thrown)) {
    return new AppError('payload_invalid', 'The request contains a value that cannot be stored or searched for.', {
      cause: thrown,
    });
  }
  if (thrown instanceof Error && 'type' in thrown && thrown.type === 'entity.parse.failed') {
    return new AppError('payload_invalid', 'The body is not a JSON object.', { cause: thrown });
  }
  const status = thrown instanceof Error && 'status' in thrown ? Number(thrown.status) : 500;
  if (status >= 400 && status < 500) {
    const { code, message } = clientErrors[status] ?? clientErrors[400];
    return new AppError(code, message, { cause: thrown });
  }
  return new AppError('internal', 'Internal error. It has been logged.', { cause: thrown });
}

/** Errors of Express and its middleware for invalid requests, by status. */
const clientErrors: Record<number, { code: ErrorCode; message: string }> & { 400: { code: ErrorCode; message: string } } = {
  400: { code: 'payload_invalid', message: 'The request could not be read.' },
  403: { code: 'forbidden', message: 'This file is not accessible.' },
  404: { code: 'not_found', message: 'This address does not exist.' },
  405: { code: 'method_not_allowed', message: 'This endpoint does not support the method.' },
  412: { code: 'precondition_failed', message: 'A condition of the request does not hold.' },
  413: { code: 'too_large', message: 'The body is too large for this endpoint.' },
  415: { code: 'media_type_unsupported', message: 'The body must be JSON in UTF-8, with the content type application/json.' },
  416: { code: 'range_invalid', message: 'The file does not have the requested range.' },
};

function acceptsPage(request: Request, response: Response): boolean {
  if (request.originalUrl.startsWith('/api') || response.locals.text === undefined) return false;
  // A form that a browser posts asks for HTML; scripts and mail programs that post accept anything.
  return request.accepts(request.method === 'GET' ? ['html', 'json'] : ['json', 'html']) === 'html';
}

function renderProblem(response: Response, error: AppError): void {
  const text = response.locals.text as Text;
  const problem = toProblem(text, error);
  response.set('cache-control', 'no-store').render('problem', {
    title: problem.title,
    problem,
    actionLink:
      error.code.startsWith('install_') || error.code.startsWith('highlevel_')
        ? 'install'
        : error.retry === 'later'
          ? 'again'
          : 'home',
  });
}
