import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { pinoHttp } from 'pino-http';
import type { NewId } from '../../core/ids.ts';
import { errorFields, type Log } from '../../runtime/log.ts';

/**
 * One line a request, with an id that the answer carries too. Only method and path are logged: a query can hold an install's code.
 */
export function requestLog(log: Log, newId: NewId): RequestHandler {
  return pinoHttp({
    logger: log,
    genReqId(_request: IncomingMessage, response: ServerResponse) {
      const id = newId();
      response.setHeader('x-request-id', id);
      return id;
    },
    customLogLevel: (_request, response) => (response.statusCode >= 500 ? 'warn' : 'debug'),
    serializers: {
      req: (request: { id: string; method: string; url: string }) => ({
        id: request.id,
        method: request.method,
        path: request.url.split('?')[0],
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
      err: errorFields,
    },
  });
}
