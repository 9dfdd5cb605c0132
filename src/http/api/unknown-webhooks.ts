import * as z from 'zod';
import type { Database } from '../../database/client.ts';
import { listUnknownWebhooks } from '../../messages/log/unknown-webhooks.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, pageQuery, time } from './schemas.ts';

const unknownWebhook = z
  .object({
    id: z.uuid(),
    address: z.string().describe('Address at which it arrived: `app` or `providers/<key>`.'),
    reasonCode: z.string().describe('Reason why it was not recognized.'),
    body: z.string().describe('Start of the body, without values that look like secrets.'),
    sizeBytes: z.int().describe('Length of the complete body.'),
    receivedCount: z.int().describe('Number of times it was received.'),
    receivedAt: time,
    lastSeenAt: time,
  })
  .meta({ id: 'UnknownWebhook' });

/** Defines the endpoint that lists signed webhooks of an unknown kind. */
export function createUnknownWebhookRoutes(deps: { db: Database }) {
  return [
    defineRoute({
      method: 'get',
      path: '/unknown-webhooks',
      summary: 'List the signed webhooks of an unknown kind, newest first',
      permission: 'operator',
      scope: null,
      query: pageQuery.extend({ cursor: z.uuid().optional() }),
      response: createPageSchema(unknownWebhook),
      handle: ({ query }) => listUnknownWebhooks(deps.db, query),
    }),
  ];
}
