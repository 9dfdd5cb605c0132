import { createPublicKey, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import express, { type Express } from 'express';
import pg from 'pg';
import { fromPrisma, PgBoss } from 'pg-boss';
import { v7 } from 'uuid';
import { PrismaClient } from '../../../prisma/generated/client.ts';

/** Servers to compare with, each in the usual form. Started as a process: `node server.ts <which> <port>`. */

const [which = '', port = ''] = process.argv.slice(2);
const url = process.env.DATABASE_URL ?? '';
const key = createPublicKey({ key: Buffer.from(process.env.PUBLIC_KEY ?? '', 'base64'), format: 'der', type: 'spki' });

interface Webhook {
  locationId: string;
  messageId: string;
  contactId: string;
  phone: string;
  message: string;
}

const app = express();
app.disable('x-powered-by');
const servers: Record<string, () => Promise<void> | void> = {
  limit: () => receive(app, async () => {}),
  'one transaction': serveTransactions,
  sdk: serveSdk,
};
await servers[which]?.();
app.listen(Number(port), () => console.log('ready'));

/** Parses JSON, verifies the signature, and stores the webhook. */
function receive(server: Express, store: (webhook: Webhook, raw: string) => Promise<void>): void {
  server.post('/webhooks/providers/sms', express.raw({ type: () => true }), async (request, response) => {
    const signature = Buffer.from(request.get('x-ghl-signature') ?? '', 'base64');
    if (!verify(null, request.body, key, signature)) return void response.status(401).end();
    const raw = request.body.toString('utf8');
    await store(JSON.parse(raw), raw);
    response.status(202).json({ status: 'stored' });
  });
}

/** Serves in the usual form: one Prisma transaction a webhook, with its job. */
async function serveTransactions(): Promise<void> {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 10 }) });
  const boss = new PgBoss({ connectionString: url });
  await boss.start();
  await boss.createQueue('peer');
  receive(app, async (webhook, raw) => {
    const now = new Date();
    const id = v7();
    await prisma.$transaction(async (tx) => {
      await tx.message.create({
        data: {
          id,
          direction: 'outbound',
          locationId: webhook.locationId,
          providerKey: 'sms',
          highlevelMessageId: webhook.messageId,
          contactId: webhook.contactId,
          messageType: 'sms',
          to: webhook.phone,
          text: webhook.message,
          rawPayload: raw,
          createdAt: now,
          updatedAt: now,
        },
      });
      await boss.send('peer', { id }, { db: fromPrisma(tx) });
    });
  });
}

/** Serves with HighLevel's own middleware, which verifies, and one plain insert on a pool of 10. */
async function serveSdk(): Promise<void> {
  const load = createRequire(join(import.meta.dirname, 'package.json'));
  const { HighLevel } = load('@gohighlevel/api-client');
  process.env.CLIENT_ID = 'app-bench';
  process.env.WEBHOOK_SIGNATURE_PUBLIC_KEY = key.export({ format: 'pem', type: 'spki' }).toString();
  const highLevel = new HighLevel({ clientId: 'app-bench', clientSecret: 'secret' });
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  await pool.query('CREATE TABLE IF NOT EXISTS peer_messages (id text PRIMARY KEY, raw jsonb NOT NULL)');
  app.post('/webhooks/providers/sms', express.json(), highLevel.webhooks.subscribe(), async (request, response) => {
    await pool.query('INSERT INTO peer_messages (id, raw) VALUES ($1, $2)', [request.body.messageId, request.body]);
    response.status(202).json({ status: 'stored' });
  });
}
