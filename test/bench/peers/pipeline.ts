import { createPublicKey, verify } from 'node:crypto';
import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import axios from 'axios';
import express from 'express';
import { PgBoss } from 'pg-boss';
import { Webhook } from 'standardwebhooks';

/**
 * A plain pipeline as people write it: verify, enqueue, send, report. No order, no limits, no record of a message. Started as a process:
 * `node pipeline.ts bullmq|pgboss`, with settings in the environment.
 */

const {
  PORT,
  STORE_URL = '',
  PUBLIC_KEY = '',
  GATEWAY_URL = '',
  GATEWAY_SECRET = '',
  HIGHLEVEL_URL,
  CODE = '',
  LOCATIONS = '',
} = process.env;
const key = createPublicKey({ key: Buffer.from(PUBLIC_KEY, 'base64'), format: 'der', type: 'spki' });
const signer = new Webhook(GATEWAY_SECRET);
const http = axios.create({
  httpAgent: new Agent({ keepAlive: true, maxSockets: 500 }),
  validateStatus: () => true,
  timeout: 10_000,
});
const maxAttempts = 8;
const concurrency = 500;

interface DeliveryWebhook {
  locationId: string;
  messageId: string;
  contactId: string;
  phone: string;
  message: string;
}

const tokens = await requestTokens();
const enqueue = await { bullmq: startBullmq, pgboss: startPgBoss }[process.argv[2] as 'bullmq' | 'pgboss']();
const app = express();
app.disable('x-powered-by');
app.post('/webhooks/providers/sms', express.raw({ type: () => true }), async (request, response) => {
  const signature = Buffer.from(request.get('x-ghl-signature') ?? '', 'base64');
  if (!verify(null, request.body, key, signature)) return void response.status(401).end();
  await enqueue(JSON.parse(request.body.toString()));
  response.status(202).json({ status: 'stored' });
});
app.listen(Number(PORT), () => console.log('ready'));

async function requestTokens(): Promise<Map<string, string>> {
  const company = await http.post(
    `${HIGHLEVEL_URL}/oauth/token`,
    new URLSearchParams({
      ...{
        client_id: 'app-bench',
        client_secret: 'secret',
        grant_type: 'authorization_code',
        code: CODE,
        user_type: 'Company',
      },
      redirect_uri: `http://127.0.0.1:${PORT}/oauth/callback`,
    }),
  );
  const headers = { authorization: `Bearer ${company.data.access_token}`, version: '2021-07-28' };
  const found = new Map<string, string>();
  for (const locationId of LOCATIONS.split(',')) {
    const body = new URLSearchParams({ companyId: company.data.companyId, locationId });
    const { data } = await http.post(`${HIGHLEVEL_URL}/oauth/locationToken`, body, { headers });
    if (!data.access_token) throw new Error(`No token: ${JSON.stringify(data)}`);
    found.set(locationId, data.access_token);
  }
  return found;
}

async function deliver({ messageId, locationId, contactId, phone, message }: DeliveryWebhook): Promise<void> {
  const content = { channel: 'sms', to: phone, text: message, attachments: [] };
  const body = JSON.stringify({ type: 'message', id: messageId, locationId, contactId, ...content });
  const now = new Date();
  const sent = await http.post(GATEWAY_URL, body, {
    headers: {
      'content-type': 'application/json',
      'webhook-id': messageId,
      'webhook-timestamp': Math.floor(now.getTime() / 1000),
      'webhook-signature': signer.sign(messageId, now, body),
    },
  });
  if (sent.status >= 300) throw new Error(`The gateway responded ${sent.status}.`);
  const reported = await http.put(
    `${HIGHLEVEL_URL}/conversations/messages/${messageId}/status`,
    { status: 'delivered' },
    { headers: { authorization: `Bearer ${tokens.get(locationId)}`, version: '2021-04-15' } },
  );
  if (reported.status >= 300) throw new Error(`HighLevel responded ${reported.status}.`);
}

async function startBullmq() {
  const load = createRequire(join(import.meta.dirname, 'package.json'));
  const { Queue, Worker } = load('bullmq');
  const { Redis } = load('ioredis');
  const connection = new Redis(STORE_URL, { maxRetriesPerRequest: null });
  const queue = new Queue('deliver', { connection });
  new Worker('deliver', (job: { data: DeliveryWebhook }) => deliver(job.data), {
    connection: connection.duplicate(),
    concurrency,
  });
  const backoff = { type: 'exponential', delay: 5_000 };
  return async (webhook: DeliveryWebhook): Promise<void> => {
    await queue.add('deliver', webhook, { jobId: webhook.messageId, attempts: maxAttempts, backoff, removeOnComplete: true });
  };
}

async function startPgBoss() {
  const boss = new PgBoss({ connectionString: STORE_URL, max: 10 });
  boss.on('error', (error) => console.error(error.message));
  await boss.start();
  await boss.createQueue('deliver', { retryLimit: maxAttempts, retryBackoff: true });
  const work = async (jobs: { data: DeliveryWebhook }[]) => void (await Promise.all(jobs.map(({ data }) => deliver(data))));
  for (let worker = 0; worker < 2; worker++) {
    await boss.work('deliver', { batchSize: concurrency / 2, pollingIntervalSeconds: 0.5 }, work);
  }
  return async (webhook: DeliveryWebhook): Promise<void> => {
    await boss.send('deliver', webhook, { singletonKey: webhook.messageId });
  };
}
