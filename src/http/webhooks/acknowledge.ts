import type { Response } from 'express';
import type { WebhookResponse } from '../../channels/channel.ts';

/** Acknowledges a delivery webhook. */
export function acknowledge(response: Response, status: 200 | 202, outcome: string): void {
  const body = JSON.stringify({ status: outcome });
  respondToWebhook(response, { status, contentType: 'application/json; charset=utf-8', body });
}

/** Responds to a webhook. Writes the response without Express, which looks up the content type of every body: this is the hottest path. */
export function respondToWebhook(
  response: Response,
  { status, contentType, body = '' }: WebhookResponse = { status: 200 },
): void {
  response.writeHead(status, {
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    'content-length': Buffer.byteLength(body),
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
