import type { Response } from 'express';

/** Acknowledges a webhook. Writes the response without Express, which looks up the content type of every body: this is the hottest path. */
export function acknowledge(response: Response, status: 200 | 202, outcome: string): void {
  const body = JSON.stringify({ status: outcome });
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
