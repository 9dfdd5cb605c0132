import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createProductionSettings } from '../support/production-settings.ts';
import { createTemporaryFolder, findFreePorts, startProgram } from '../support/program.ts';
import { type LoadFigures, requireAllAccepted, runLoad, type SignedRequest } from './load.ts';
import { createScratchDatabase } from './scratch-database.ts';
import type { Figure } from './table.ts';

const connections = 64;
const warmUp = 2_000;
const count = 12_000;
const peers = join(import.meta.dirname, 'peers');

/** Measures the rate of acknowledged webhooks, beside three servers on the same machine in the same run. */
export async function measureIngest(serverUrl: string): Promise<Figure[]> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const limit = await measurePeer('limit', serverUrl, key, privateKey);
  const perWebhook = await measurePeer('one transaction', serverUrl, key, privateKey);
  const sdk = await measurePeer('sdk', serverUrl, key, privateKey);
  const ours = await measurePatchbay(serverUrl, key, privateKey);
  const rate = ({ perSecond }: LoadFigures) => Math.round(perSecond);
  const ratio = (a: LoadFigures, b: LoadFigures) => a.perSecond / b.perSecond;
  const name = 'webhooks/s, 64 connections';
  return [
    {
      name,
      ours: rate(ours.full),
      peer: 'bare Express, JSON and signature',
      theirs: rate(limit),
      ratio: ratio(ours.full, limit),
      target: '≥ 0.8',
      isMet: ratio(ours.full, limit) >= 0.8,
    },
    {
      name,
      ours: rate(ours.full),
      peer: 'one Prisma transaction a webhook',
      theirs: rate(perWebhook),
      ratio: ratio(ours.full, perWebhook),
      target: '≥ 4',
      isMet: ratio(ours.full, perWebhook) >= 4,
    },
    {
      name,
      ours: rate(ours.full),
      peer: 'HighLevel’s SDK, one insert a webhook',
      theirs: rate(sdk),
      ratio: ratio(ours.full, sdk),
    },
    { name: 'p99 at half of that rate, ms', ours: ours.half.p99Ms, target: '< 50', isMet: ours.half.p99Ms < 50 },
  ];
}

async function measurePeer(which: string, serverUrl: string, publicKey: string, privateKey: KeyObject): Promise<LoadFigures> {
  if (which === 'sdk' && !existsSync(join(peers, 'node_modules'))) {
    spawnSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: peers, stdio: 'ignore' });
  }
  const database = await createScratchDatabase(serverUrl);
  const port = await findFreePorts();
  const environment = { ...process.env, DATABASE_URL: database.url, PUBLIC_KEY: publicKey, NODE_ENV: 'production' };
  const child = spawn(process.execPath, [join(peers, 'server.ts'), which, String(port)], { env: environment });
  // HighLevel's middleware logs a line for every webhook.
  child.stderr.resume();
  try {
    await new Promise((done, failed) => {
      child.stdout.once('data', done);
      child.once('exit', () => failed(new Error(`The peer “${which}” did not start.`)));
    });
    const url = `http://127.0.0.1:${port}`;
    await runLoad(url, createWebhooks(warmUp, privateKey), { connections });
    return requireAllAccepted(await runLoad(url, createWebhooks(count, privateKey), { connections }));
  } finally {
    child.removeAllListeners('exit');
    child.kill('SIGKILL');
    await database.remove();
  }
}

async function measurePatchbay(serverUrl: string, publicKey: string, privateKey: KeyObject) {
  const database = await createScratchDatabase(serverUrl);
  using folder = createTemporaryFolder();
  const port = await findFreePorts();
  const settings = createProductionSettings({
    baseUrl: `http://127.0.0.1:${port}`,
    dataDir: folder.path,
    databaseUrl: database.url,
    // A process that only takes webhooks makes no calls.
    platform: { url: 'http://127.0.0.1:1', publicKey },
    app: { clientId: 'app-bench', clientSecret: 'secret', providers: [{ key: 'sms', id: 'p1', kind: 'sms' }] },
  });
  await using program = await startProgram({ ...settings, ROLE: 'web', PORT: String(port) });
  try {
    await runLoad(program.url, createWebhooks(warmUp, privateKey), { connections });
    const full = requireAllAccepted(await runLoad(program.url, createWebhooks(count, privateKey), { connections }));
    const half = requireAllAccepted(
      await runLoad(program.url, createWebhooks(count / 2, privateKey), { connections, perSecond: full.perSecond / 2 }),
    );
    return { full, half };
  } finally {
    await program.end('SIGKILL');
    await database.remove();
  }
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
