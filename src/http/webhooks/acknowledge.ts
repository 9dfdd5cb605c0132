import type { Response } from 'express';

/**
 * Answers a program that posted something to us. Written out, as these are the answers that must cost nothing: Express looks up the type
 * of every body anew.
 */
export function acknowledge(response: Response, status: 200 | 202, outcome: string): void {
  const body = JSON.stringify({ status: outcome });
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
