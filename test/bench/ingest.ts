import { spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { join } from 'node:path';
import { createProductionSettings } from '../support/production-settings.ts';
import { createTemporaryFolder, findFreePorts, startProgram } from '../support/program.ts';
import type { Bench } from './bench.ts';
import { type LoadFigures, requireAllAccepted, runLoad, type SignedRequest } from './load.ts';
import { installPeers } from './pipelines.ts';
import { createScratchDatabase } from './scratch-database.ts';
import { compare, type Figure } from './table.ts';
import { measureInTurns, median } from './turns.ts';

const connections = 64;
const peerTitles = {
  limit: 'bare Express, JSON and signature',
  'one transaction': 'one Prisma transaction a webhook',
  sdk: 'HighLevel’s SDK, one insert a webhook',
} as const;
type Name = 'patchbay' | keyof typeof peerTitles;
const names = ['patchbay', 'limit', 'one transaction', 'sdk'] as const satisfies Name[];

interface Server {
  url: string;
  stop(): Promise<void>;
}

/** Measures the rate of acknowledged webhooks, beside three servers on the same machine, and the tail at half of that rate. */
export async function* measureIngest(bench: Bench): AsyncGenerator<Figure> {
  const [turns, count] = bench.isQuick ? [3, 3_000] : [5, 8_000];
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const servers = new Map<Name, Server>();
  const load = async (name: Name, webhooks: number, perSecond?: number): Promise<LoadFigures> => {
    const options = { connections, ...(perSecond ? { perSecond } : {}) };
    return requireAllAccepted(await runLoad(servers.get(name)?.url ?? '', createWebhooks(webhooks, privateKey), options));
  };
  try {
    servers.set('patchbay', await startPatchbay(bench.serverUrl, key));
    installPeers();
    for (const name of Object.keys(peerTitles) as (keyof typeof peerTitles)[]) {
      servers.set(name, await startPeer(name, bench.serverUrl, key));
    }
    for (const name of names) await load(name, 2_000);
    const full = await measureInTurns(bench, names, turns, (name) =>
      load(name, name === 'one transaction' ? count / 4 : count),
    );
    const ratesOf = (name: Name) => full[name].map(({ perSecond }) => perSecond);
    const peer = (name: keyof typeof peerTitles) => ({ name: peerTitles[name], turns: ratesOf(name) });
    const title = `webhooks/s, ${connections} connections`;
    yield compare(title, ratesOf('patchbay'), peer('limit'), { atLeast: 0.8 });
    yield compare(title, ratesOf('patchbay'), peer('one transaction'), { atLeast: 4 });
    yield compare(title, ratesOf('patchbay'), peer('sdk'), { atLeast: 1 });

    const half = median(ratesOf('patchbay')) / 2;
    const tails = await measureInTurns(
      bench,
      ['patchbay', 'limit'],
      turns,
      async (name) => (await load(name, count / 2, half)).p99Ms,
    );
    const limit = { name: `${peerTitles.limit}, the same rate`, turns: tails.limit };
    yield compare('p99 at half of that rate, ms', tails.patchbay, limit, { atMost: 2 });
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
}

async function startPeer(name: keyof typeof peerTitles, serverUrl: string, publicKey: string): Promise<Server> {
  const database = await createScratchDatabase(serverUrl);
  const port = await findFreePorts();
  const environment = { ...process.env, DATABASE_URL: database.url, PUBLIC_KEY: publicKey, NODE_ENV: 'production' };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'peers', 'server.ts'), name, String(port)], {
    env: environment,
  });
  // HighLevel's middleware logs a line for every webhook.
  child.stderr.resume();
  await new Promise((done, failed) => {
    child.stdout.once('data', done);
    child.once('exit', () => failed(new Error(`The peer “${name}” did not start.`)));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
      await database.remove();
    },
  };
}

async function startPatchbay(serverUrl: string, publicKey: string): Promise<Server> {
  const database = await createScratchDatabase(serverUrl);
  const folder = createTemporaryFolder();
  const port = await findFreePorts();
  const settings = createProductionSettings({
    baseUrl: `http://127.0.0.1:${port}`,
    dataDir: folder.path,
    databaseUrl: database.url,
    // A process that only takes webhooks makes no calls.
    platform: { url: 'http://127.0.0.1:1', publicKey },
    app: { clientId: 'app-bench', clientSecret: 'secret', providers: [{ key: 'sms', id: 'p1', kind: 'sms' }] },
  });
  const program = await startProgram({ ...settings, ROLE: 'web', PORT: String(port) });
  return {
    url: program.url,
    async stop() {
      await program.end('SIGKILL');
      await database.remove();
      folder[Symbol.dispose]();
    },
  };
}

function createWebhooks(length: number, privateKey: KeyObject): SignedRequest[] {
  return Array.from({ length }, () => {
    const id = randomBytes(10).toString('hex');
    const body = JSON.stringify({
      // Real webhooks lack it; without it HighLevel's middleware skips the signature.
      appId: 'app',
      contactId: `contact${id.slice(0, 3)}`,
      locationId: `location${id.slice(0, 2)}`,
      messageId: id,
      type: 'SMS',
      phone: '+12025550143',
      message: 'Your appointment is tomorrow at ten. Reply C to confirm.',
      attachments: [],
      userId: 'GK56r6wdJDrkUPd0xsmx',
    });
    const signature = sign(null, Buffer.from(body), privateKey).toString('base64');
    return { path: '/webhooks/providers/sms', body, signature };
  });
}
