import type { RequestHandler } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import type { Log } from '../../runtime/log.ts';

declare global {
  namespace Express {
    interface Request {
      /** Ours; the answer carries it as `x-request-id`. */
      id: string;
    }
  }
}

/**
 * One line a request, with an id that the answer carries too. Only method and path are logged: a query can hold an install's code, and
 * the path of a kept file is its secret.
 * Our own dozen lines: a logger for every request, as pino-http makes it, was 7 % of what a webhook costs.
 */
export function logRequests(deps: { log: Log; newId: NewId; clock: Clock }): RequestHandler {
  const { log, newId, clock } = deps;
  return (request, response, next) => {
    const startedMs = clock.now();
    const { method, originalUrl } = request;
    request.id = newId();
    response.setHeader('x-request-id', request.id);
    response.once('close', () => {
      const level = response.statusCode >= 500 ? 'warn' : 'debug';
      if (!log.isLevelEnabled(level)) return;
      const req = { id: request.id, method, path: maskPath(originalUrl) };
      const res = { status: response.writableFinished ? response.statusCode : null };
      log[level]({ req, res, ms: clock.now() - startedMs }, response.writableFinished ? 'answered' : 'the caller hung up');
    });
    next();
  };
}

function maskPath(url: string): string | undefined {
  return url.split('?')[0]?.replace(/^\/media\/.*/, '/media/…');
}
