import type { DatabaseTarget } from '../../src/database/client.ts';
import { openDatabase } from '../../src/database/client.ts';
import { adminToken } from '../support/production-settings.ts';
import { type Crm, sleep } from './crm.ts';
import type { Gateway } from './gateway.ts';
import type { RefusingVendor } from './held.ts';
import type { Plan, PlannedMessage } from './plan.ts';
import { createRandom } from './random.ts';

/** Senders of each location, one a connection. */
export const senders = ['+12025559901', '+12025559902', '+12025559903'] as const;

const overrideShare = 0.4;
const optOutShare = 0.25;
const pauseMs = 3_000;
const triggerKeys = ['message_delivered', 'message_failed', 'reply_received', 'opted_out', 'channel_held'] as const;

/** Lets messages ask for one of the senders, so that contacts change between connections, and some contacts opt out in the middle. */
export function addRouting(plan: Plan): Plan {
  const random = createRandom(plan.seed + 3);
  const list = plan.list.map((message) => ({
    ...message,
    via: random.isHit(overrideShare) ? Math.floor(random.between(0, senders.length)) : undefined,
  }));
  const last = new Set<number>();
  for (const [, messages] of Map.groupBy(list, ({ contact }) => contact)) {
    // One that reaches the contact, with others before and behind it.
    const middle = messages.toSorted((a, b) => a.at - b.at).slice(1, -1);
    const candidates = middle.slice(0, Math.ceil(middle.length / 2)).filter(({ fate }) => fate !== 'rejected');
    if (candidates.length > 0 && random.isHit(optOutShare)) last.add(random.pick(candidates).number);
  }
  return {
    ...plan,
    hasRouting: true,
    list: list.map((message): PlannedMessage => ({ ...message, isLast: last.has(message.number) })),
  };
}

/** Gives each location a connection for each sender, overrides, a pool and sticky senders, and triggers of its workflows. */
export async function setUpRouting(baseUrl: string, crm: Crm, gateway: Gateway, refusing: RefusingVendor): Promise<void> {
  for (const [at, { id }] of crm.locations.entries()) {
    const ids: string[] = [];
    for (const [index, sender] of senders.entries()) {
      const { type, config } = gateway.connection;
      const input = { providerKey: 'sms', name: `${index + 1}`, type, config: { ...config, sender } };
      const { connectionId, callbackUrls } = await call(baseUrl, 'POST', `/api/locations/${id}/connections`, input);
      ids.push(connectionId as string);
      const { status } = callbackUrls as { status: string };
      gateway.setWebhookUrl(id, status.replace(/\/status$/, ''), [], sender);
    }
    // No rule leads there: it is held and resumed beside the others.
    await call(baseUrl, 'POST', `/api/locations/${id}/connections`, { providerKey: 'sms', ...refusing.createConnection(at) });
    await call(baseUrl, 'PUT', `/api/locations/${id}/routing/sms`, {
      rules: ids.map((connectionId, index) => ({ when: { override: `${index + 1}` }, connectionId })),
      spread: ids.map((connectionId, index) => ({ connectionId, weight: index + 1 })),
      sticky: true,
      whenUnavailable: 'wait',
    });
    for (const key of triggerKeys) {
      const { trigger, status } = await crm.highlevel.addTrigger(id, key);
      // Each process knows HighLevel at an address of its own: the one that knows it at the first takes the subscription.
      let latest = status;
      for (let tries = 1; tries < 20 && latest !== 200; tries++)
        latest = await crm.highlevel.postSubscription(trigger, 'UPDATED');
      if (latest !== 200) throw new Error(`The trigger ${key} could not be subscribed: ${latest}`);
    }
  }
}

/** Pauses one connection of each location for a while: what it carries waits, and holds its contacts' later messages back. */
export async function pauseConnections(baseUrl: string, crm: Crm, atMs: number, elapsed: () => number): Promise<void> {
  await sleep(atMs - elapsed());
  const ids = await Promise.all(
    crm.locations.map(async ({ id }) => {
      const { items } = await retry(() => call(baseUrl, 'GET', `/api/locations/${id}/connections`));
      return (items as { connectionId: string; name: string }[]).find(({ name }) => name === '2')?.connectionId;
    }),
  );
  const pause = (isPaused: boolean) =>
    Promise.all(ids.map((id) => retry(() => call(baseUrl, 'PUT', `/api/connections/${id}`, { isPaused }))));
  await pause(true);
  await sleep(pauseMs);
  await pause(false);
}

/** An event of the outbox, as the tables have it. */
export interface StoredTriggerEvent {
  id: string;
  kind: string;
  /** HighLevel's id of the message. */
  highlevelMessageId: string | null;
  address: string | null;
  /** The vendor's id of a reply. */
  replyId: string | null;
  connectionId: string | null;
  outcome: string | null;
  details: string | null;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** Counts events that have not ended. */
export async function countOpenEvents(target: DatabaseTarget): Promise<number> {
  const db = await openDatabase(target);
  try {
    return await db.client.triggerEvent.count({ where: { outcome: null } });
  } finally {
    await db.close();
  }
}

/** Reads the events of the outbox. */
export async function readTriggerEvents(target: DatabaseTarget): Promise<StoredTriggerEvent[]> {
  const db = await openDatabase(target);
  try {
    return await db.client.$queryRaw<StoredTriggerEvent[]>`
      SELECT e.id, e.kind, m.highlevel_message_id AS "highlevelMessageId", split_part(m.inbound_key, '/', 2) AS "replyId",
        e.connection_id AS "connectionId", e.address, e.outcome, e.details,
        e.started_at AS "startedAt", e.ended_at AS "endedAt"
      FROM trigger_events e LEFT JOIN messages m ON m.id = e.message_id ORDER BY e.created_at, e.id`;
  } finally {
    await db.close();
  }
}

async function call(baseUrl: string, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** Repeats a request while processes are killed and the database is away. */
async function retry<T>(request: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await request();
    } catch (error) {
      if (tries >= 60) throw error;
      await sleep(500);
    }
  }
}
