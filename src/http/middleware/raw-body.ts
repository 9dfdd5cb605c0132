import express, { type RequestHandler } from 'express';

const limitBytes = 1024 * 1024;

const parse = express.raw({ type: () => true, limit: limitBytes });

/** The body as a Buffer, whatever its type says, at most 1 MiB: signatures cover these bytes and no others. */
export const rawBody: RequestHandler = (request, response, next) => {
  parse(request, response, (error?: unknown) => {
    if (!error && !Buffer.isBuffer(request.body)) request.body = Buffer.alloc(0);
    next(error);
  });
};
