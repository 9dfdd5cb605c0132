import * as z from 'zod';
import type { Database } from '../../database/client.ts';
import { listUnknownWebhooks } from '../../messages/log/unknown-webhooks.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, pageQuery, time } from './schemas.ts';

const unknownWebhook = z
  .object({
    id: z.uuid(),
    address: z.string().describe('Where it arrived: `app` or `providers/<key>`.'),
    reasonCode: z.string().describe('Why it is not known as anything.'),
    body: z.string().describe('Its beginning, without values that look like secrets.'),
    sizeBytes: z.int().describe('The length of the whole body.'),
    receivedCount: z.int().describe('How often it came.'),
    receivedAt: time,
    lastSeenAt: time,
  })
  .meta({ id: 'UnknownWebhook' });

/** The address that lists signed webhooks which are not known as anything. */
export function createUnknownWebhookRoutes(deps: { db: Database }) {
  return [
    defineRoute({
      method: 'get',
      path: '/unknown-webhooks',
      summary: 'Signed webhooks that are not known as anything and were not sent, newest first',
      permission: 'operator',
      query: pageQuery.extend({ cursor: z.uuid().optional() }),
      response: createPageSchema(unknownWebhook),
      handle: ({ query }) => listUnknownWebhooks(deps.db, query),
    }),
  ];
}
