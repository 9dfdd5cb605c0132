import * as z from 'zod';
import type { Database } from '../../../database/client.ts';
import { listUnknownWebhooks } from '../../../messages/log/unknown-webhooks.ts';
import { definePage } from '../../pages/framework/page.ts';

const pageSize = 20;

/** Creates the page of signed webhooks that could not be classified, newest first. */
export function createUnknownWebhooksPage({ db }: { db: Database }) {
  return definePage({
    path: 'unknown-webhooks',
    scope: 'account',
    viewers: ['operator'],
    view: 'admin/unknown-webhooks',
    nav: { text: 'operator.nav.unknownWebhooks', order: 65 },
    query: z.object({ before: z.uuid().optional() }),

    async show({ text, query: { before } }) {
      const { items, nextCursor } = await listUnknownWebhooks(db, { cursor: before, limit: pageSize });
      return {
        title: text('operator.unknownWebhooks.title'),
        webhooks: items.map((row) => ({ ...row, reason: text(`operator.unknownWebhooks.reasons.${row.reasonCode}`) })),
        isFirst: before === undefined,
        nextCursor,
      };
    },

    async version() {
      const newest = await db.client.unknownWebhook.findFirst({ orderBy: { id: 'desc' }, select: { id: true } });
      return newest?.id ?? '';
    },
  });
}
