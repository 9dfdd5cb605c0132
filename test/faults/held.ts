import express from 'express';
import { type DatabaseTarget, openDatabase } from '../../src/database/client.ts';
import { listen } from '../support/http.ts';
import { sleep } from './crm.ts';

const pollMs = 1_000;
const maxPolls = 60;

/** A vendor whose accounts carry no message: they are refused and accepted again, so that their connections are held and resumed. */
export interface RefusingVendor {
  /** Creates the type and config of a connection with an account of its own. */
  createConnection(index: number): { type: string; config: Record<string, unknown> };
  refuse(isRefused: boolean): void;
  close(): Promise<void>;
}

/** Starts the vendor, as far as Telegram's Bot API is needed to verify an account. */
export async function startRefusingVendor(): Promise<RefusingVendor> {
  const app = express().use(express.json());
  const { url, close } = await listen(app);
  const webhooks = new Map<string, string>();
  let isRefusing = false;
  app.all('/bot:token/:method', (request, response) => {
    const { token = '', method } = request.params;
    if (isRefusing) return void response.status(401).json({ ok: false, error_code: 401, description: 'Unauthorized' });
    const id = Number(token.split(':')[0]);
    const webhookUrl = String(request.body?.url ?? request.query.url ?? '');
    if (method === 'setWebhook') webhooks.set(token, webhookUrl);
    const results: Record<string, unknown> = {
      getMe: { id, is_bot: true, first_name: 'Bot', username: `bot_${id}` },
      getWebhookInfo: { url: webhooks.get(token) ?? '', has_custom_certificate: false, pending_update_count: 0 },
    };
    response.json({ ok: true, result: results[method as string] ?? true });
  });
  return {
    createConnection: (index) => ({
      type: 'telegram',
      config: { token: `${100_000 + index}:${'A'.repeat(35)}`, baseUrl: url },
    }),
    refuse(isRefused) {
      isRefusing = isRefused;
    },
    close,
  };
}

/** Lets the vendor refuse the accounts until all their connections are held, and accept them until all are resumed, several times. */
export async function holdConnections(
  target: DatabaseTarget,
  vendor: RefusingVendor,
  moments: readonly number[],
  elapsed: () => number,
): Promise<void> {
  for (const atMs of moments) {
    await sleep(atMs - elapsed());
    vendor.refuse(true);
    await checkUntil(target, 'held');
    vendor.refuse(false);
    await checkUntil(target, 'active');
  }
}

/** Makes the connections due for a check until all have a status; the database may be away meanwhile. */
async function checkUntil(target: DatabaseTarget, status: 'held' | 'active'): Promise<void> {
  for (let polls = 0; polls < maxPolls; polls++) {
    const count = await countOthers(target, status).catch(() => null);
    if (count === 0) return;
    await sleep(pollMs);
  }
  throw new Error(`The connections whose accounts are refused and accepted again did not become ${status}.`);
}

async function countOthers(target: DatabaseTarget, status: 'held' | 'active'): Promise<number> {
  const db = await openDatabase(target);
  try {
    const others = { type: 'telegram', status: { not: status } };
    const { count } = await db.client.connection.updateMany({ where: others, data: { checkDueAt: new Date() } });
    return count;
  } finally {
    await db.close();
  }
}

/** Reads how often each connection was held. */
export async function readHolds(target: DatabaseTarget): Promise<Map<string, number>> {
  const db = await openDatabase(target);
  try {
    const rows = await db.client.$queryRaw<{ id: string; count: number }[]>`
      SELECT c.id, count(a.id)::int AS count FROM connections c
      LEFT JOIN audit_entries a ON a.location_id = c.location_id AND a.action = 'connection_held'
      WHERE c.type = 'telegram' GROUP BY c.id`;
    return new Map(rows.map(({ id, count }) => [id, count]));
  } finally {
    await db.close();
  }
}
