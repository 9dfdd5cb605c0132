import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { createSignatureHeaders } from '../../src/runtime/standard-webhooks.ts';
import { createUserContext, encryptUserContext } from '../../src/sandbox/highlevel/user-context.ts';
import type { LoadKind } from './generator.ts';
import type { SignedRequest } from './load.ts';
import type { Testbed } from './testbed.ts';

export const sharedSecret = 'bench-shared-secret';
/** Messages that are posted before their round, as HighLevel does in a bulk send. */
export const backlog = { name: 'queue of 10,000 messages', count: 10_000 };

const users = 8;
const streamsOfUser = 8;
const largeBytes = 9 * 1024 * 1024;

export interface Attacker {
  names: readonly string[];
  /** Creates the requests that one tenant can make, kind by kind, with signatures and tokens that are valid now. */
  createKinds(): Promise<LoadKind[]>;
}

/** Creates the requests of one hostile location that has a connection and users of its own. */
export async function createAttacker(testbed: Testbed, session: pg.Client, locationId: string): Promise<Attacker> {
  const { rows } = await session.query<{ connection: string; company: string; message: string }>(
    `SELECT c.id AS connection, i.company_id AS company, (SELECT id FROM messages WHERE location_id = $1 LIMIT 1) AS message
     FROM connections c JOIN installations i ON i.kind = 'location' AND i.resource_id = c.location_id WHERE c.location_id = $1`,
    [locationId],
  );
  const [ids] = rows;
  if (!ids) throw new Error('The location has no connection.');
  const flood = (await testbed.createMessages(5_000, locationId)).map(toRequest);
  const large = (await testbed.createMessages(1, locationId, largeBytes)).map(toRequest);

  const callback = (event: string, body: string) => {
    const headers = createSignatureHeaders([testbed.gatewaySecret], randomBytes(8).toString('hex'), new Date(), body);
    return createRequest(
      'POST',
      `/channels/${ids.connection}/${event}`,
      { 'content-type': 'application/json', ...headers },
      body,
    );
  };
  const createToken = async (userId: string): Promise<string> => {
    const context = createUserContext({ userId, companyId: ids.company, activeLocation: locationId, role: 'user' });
    const response = await fetch(`${testbed.program.url}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ encryptedData: encryptUserContext(context, sharedSecret, randomBytes) }),
    });
    if (response.status !== 200) throw new Error(`No token: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { token: string }).token;
  };
  const asUser = (token: string, path: string) => createRequest('GET', path, { authorization: `Bearer ${token}` });

  async function createKinds(): Promise<LoadKind[]> {
    const tokens = await Promise.all(times(users, (n) => createToken(`user${n}`)));
    const getToken = (n: number) => tokens[n % users] as string;
    const receipt = JSON.stringify({ id: ids?.message, status: 'delivered' });
    const inbound = JSON.stringify({ externalId: 'large', from: '+12025550143', text: 'x'.repeat(largeBytes) });
    return [
      { name: 'webhooks', connections: 32, requests: flood },
      { name: 'webhooks of 9 MiB', connections: 2, requests: large },
      { name: 'replies of 9 MiB', connections: 2, requests: [callback('inbound', inbound)] },
      { name: 'repeated receipts', connections: 32, requests: times(50, () => callback('status', receipt)) },
      {
        name: 'searches',
        connections: 32,
        requests: times(400, (n) => asUser(getToken(n), `/api/locations/${locationId}/messages?q=nowhere${n}`)),
      },
      {
        name: 'event streams',
        connections: users * streamsOfUser,
        isStream: true,
        requests: times(users * streamsOfUser, (n) => asUser(getToken(n), `/embed/live/messages?reason=w${n}`)),
      },
      {
        name: 'requests without a token',
        connections: 16,
        requests: times(600, (n) =>
          createRequest('GET', ['/metrics', '/readyz', '/embed'][n % 3] as string, { referer: `https://crm${n}.example/` }),
        ),
      },
      { name: backlog.name, connections: 0, requests: [] },
    ];
  }
  return { names: (await createKinds()).map(({ name }) => name), createKinds };
}

function toRequest({ path, body, signature }: SignedRequest): string {
  return createRequest('POST', path, { 'content-type': 'application/json', 'x-ghl-signature': signature }, body);
}

/** Creates a request from another address each time, as limits by address would end the load. */
function createRequest(method: string, path: string, headers: Record<string, string>, body = ''): string {
  const all = { host: '127.0.0.1', 'x-forwarded-for': `198.51.100.${randomBytes(1)[0]}`, ...headers };
  const lines = Object.entries({ ...all, ...(body ? { 'content-length': Buffer.byteLength(body) } : {}) });
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

function times<T>(count: number, create: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => create(n));
}
