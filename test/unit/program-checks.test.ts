import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Check, checkFixes, checkMessages, toEnglishCheck } from '../../src/checks/check.ts';
import { checkDatabase } from '../../src/checks/check-database.ts';
import { createProgramCheck } from '../../src/checks/check-program.ts';
import type { Environment } from '../../src/checks/environment.ts';
import { type CheckedSettings, createEnvironment } from '../../src/compose/checks.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ServerFacts } from '../../src/database/inspect-server.ts';
import { minimalScopes } from '../../src/highlevel/operations.ts';
import { startBucket } from '../support/bucket.ts';
import { createCertificate } from '../support/certificate.ts';
import { listen } from '../support/http.ts';
import { startOperator } from '../support/operator.ts';
import { createTestClock } from '../support/test-clock.ts';

const good: ServerFacts = {
  ...{ version: '17.2', versionNumber: 170_002, isReadOnly: false, canCreate: true, foreignTableCount: 0, latencyMs: 0.4 },
  ...{ skewMs: 3, pooling: 'none', maxConnections: 100, usedConnections: 12, identity: 'a' },
  ...{ hasFsync: true, synchronousCommit: 'on', isolation: 'read committed' },
  migrations: { missingCount: 0, problem: null, isEmpty: false },
};

const findBad = (lines: readonly Check[]) =>
  lines.filter(({ status }) => status !== 'ok').map(({ name, status }) => `${name} ${status}`);

async function checkServer(facts: Partial<ServerFacts>, direct?: Partial<ServerFacts> | Error) {
  const inspectDirect = async () => {
    if (direct instanceof Error) throw direct;
    return { ...good, ...direct };
  };
  return checkDatabase({
    database: { kind: 'postgres', inspect: async () => ({ ...good, ...facts }), inspectDirect: direct ? inspectDirect : null },
  });
}

test.each([
  [{}, []],
  [{ isReadOnly: true }, ['database failed']],
  [{ versionNumber: 130_010, version: '13.10' }, ['database:version failed']],
  [{ canCreate: false }, ['database:rights failed']],
  [{ foreignTableCount: 2 }, ['database:rights failed']],
  [{ hasFsync: false }, ['database:defaults failed']],
  [{ synchronousCommit: 'off', isolation: 'serializable' }, []],
  [{ synchronousCommit: 'off', pooling: 'session' as const }, ['database:defaults failed']],
  [{ isolation: 'serializable', pooling: 'session' as const }, ['database:defaults failed']],
  [{ latencyMs: 45 }, ['database:latency warning']],
  [{ skewMs: -2_000 }, ['database:clock warning']],
  [{ skewMs: 90_000 }, ['database:clock failed']],
  [{ pooling: 'session' }, []],
  [{ pooling: 'transaction' }, ['database:pooler warning']],
  [{ pooling: 'statement' }, ['database:pooler failed']],
  [{ usedConnections: 95 }, ['database:connections warning']],
  [{ migrations: { missingCount: 2, problem: null, isEmpty: false } }, ['database:tables warning']],
  [{ migrations: { missingCount: 9, problem: null, isEmpty: true } }, []],
  [{ migrations: { missingCount: 0, problem: 'newer', isEmpty: false } }, ['database:tables failed']],
] as const)('a database with %j: %j', async (facts, expected) => {
  const lines = await checkServer(facts);
  expect(findBad(lines)).toEqual(expected);
  // Each line that is not good says what to do.
  expect(lines.filter(({ status, fix }) => status !== 'ok' && !fix)).toEqual([]);
});

test('the direct address of the database must lead past the pooler, to the same database', async () => {
  expect(findBad(await checkServer({ pooling: 'transaction' }, {}))).toEqual([]);
  const wrong = ['database:direct failed'];
  expect(findBad(await checkServer({ pooling: 'transaction' }, { identity: 'b' }))).toEqual(wrong);
  expect(findBad(await checkServer({ pooling: 'transaction' }, { pooling: 'transaction' }))).toEqual(wrong);
  expect(findBad(await checkServer({ pooling: 'transaction' }, new Error('refused')))).toEqual(wrong);
});

const settings: CheckedSettings = {
  app: { clientId: 'app-1', clientSecret: 'secret', redirectUri: 'http://localhost/oauth/callback', scopes: minimalScopes },
  appUrl: 'http://localhost:1',
  apiUrl: 'http://127.0.0.1:1',
  providers: [{ key: 'sms', id: '681630446243877ebda60373', kind: 'sms' }],
  sharedSecrets: ['secret'],
  webhookKeys: [],
  attachments: { folder: tmpdir(), minFreeBytes: 0 },
};

function build(changes: Partial<CheckedSettings>, more: Partial<Environment> = {}): Environment {
  const deps = {
    ...{
      clock: systemClock,
      newId: () => '01890000-0000-7000-8000-000000000001',
      isSandbox: false,
      isHighLevelReachable: true,
    },
    database: { kind: 'embedded', inspect: async () => ({ kind: 'missing' as const }) } as const,
    isRunning: async () => true,
  };
  return { ...createEnvironment({ ...settings, ...changes }, deps), ...more };
}

async function run(environment: Environment, name: string) {
  const lines = await createProgramCheck(systemClock)(environment, null);
  return lines.filter((line) => line.name === name || line.name.startsWith(`${name}:`)).map(toEnglishCheck);
}

test('the public address: the program responds there, another does, none does, and it is encrypted with a valid certificate', async () => {
  const own = await listen((_request: unknown, response: { end(text: string): void }) => response.end('{"status":"ok"}'));
  expect(await run(build({ appUrl: own.url }), 'address')).toMatchObject([
    { status: 'ok' },
    { name: 'address:public', status: 'warning' },
  ]);
  const other = await listen((_request: unknown, response: { end(text: string): void }) => response.end('<h1>It works!</h1>'));
  expect(await run(build({ appUrl: other.url }), 'address')).toMatchObject([
    { status: 'failed', message: expect.stringContaining('HTTP 200') },
    { name: 'address:public' },
  ]);
  expect((await run(build({}), 'address'))[0]).toMatchObject({ status: 'failed', fix: expect.stringContaining('APP_URL') });
  const isRunning = async () => false;
  expect((await run(build({}, { isRunning }), 'address'))[0]).toMatchObject({
    status: 'warning',
    fix: expect.stringContaining('Start'),
  });
  expect(await run(build({ appUrl: 'http://patchbay.invalid' }), 'address:tls')).toMatchObject([{ status: 'failed' }]);
  await Promise.all([own.close(), other.close()]);
});

test('a certificate that no authority has signed fails, and one that ends soon is a warning', async () => {
  const server: Server = createServer(createCertificate(), (_request, response) => response.end('{"status":"ok"}'));
  await new Promise<void>((done) => server.listen(0, done));
  const { port } = server.address() as { port: number };
  const appUrl = `https://localhost:${port}`;
  expect(await run(build({ appUrl }), 'address:tls')).toMatchObject([
    { status: 'failed', message: expect.stringContaining('self-signed'), fix: expect.any(String) },
  ]);
  const inDays = (days: number) => async () => new Date(systemClock.now() + days * 24 * 60 * 60_000);
  expect(await run(build({ appUrl }, { readCertificate: inDays(5) }), 'address:tls')).toMatchObject([{ status: 'warning' }]);
  expect(await run(build({ appUrl }, { readCertificate: inDays(50) }), 'address:tls')).toMatchObject([{ status: 'ok' }]);
  await new Promise((done) => server.close(done));
  // Nothing is known of a certificate that no server shows.
  expect(await run(build({ appUrl }), 'address:tls')).toEqual([]);
});

test('the bucket is tried with a file that is removed again, the disk by its space, and mail by a session', async () => {
  const bucket = await startBucket();
  const attachments = { folder: tmpdir(), minFreeBytes: 0, bucket: bucket.settings };
  expect(await run(build({ attachments }), 'bucket')).toMatchObject([{ status: 'ok' }]);
  expect(bucket.objects.size).toBe(0);
  const wrong = { ...attachments, bucket: { ...bucket.settings, secretAccessKey: 'wrong' } };
  expect(await run(build({ attachments: wrong }), 'bucket')).toMatchObject([
    { status: 'failed', message: expect.stringContaining('403') },
  ]);
  expect(await run(build({ attachments: { ...attachments, minFreeBytes: 1e18 } }), 'disk')).toMatchObject([
    { status: 'failed' },
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'patchbay-disk-'));
  expect(await run(build({ attachments: { ...attachments, folder: join(folder, 'not', 'yet') } }), 'disk')).toMatchObject([
    { status: 'ok' },
  ]);
  rmSync(folder, { recursive: true });
  const alertMail = { smtpUrl: 'smtp://127.0.0.1:1', from: 'a@example.com', to: 'b@example.com' };
  expect(await run(build({ alertMail }), 'mail')).toMatchObject([
    { status: 'failed', fix: expect.stringContaining('SMTP_URL') },
  ]);
  await using operator = await startOperator();
  expect(await run(build({ alertMail: operator.options.alertMail }), 'mail')).toMatchObject([{ status: 'ok' }]);
  expect(operator.mails).toEqual([]);
  await bucket.close();
});

test.each([
  [401, { error: 'invalid_client', error_description: 'Invalid client credentials!' }, 'failed'],
  [400, { error: 'invalid_grant', error_description: 'Invalid grant: authorization code is invalid' }, 'ok'],
  [503, {}, 'warning'],
])('HighLevel responds to the app’s keys with %i: %j', async (status, body, expected) => {
  const forms: string[] = [];
  const platform = await listen(
    (request: AsyncIterable<Buffer>, response: { writeHead(status: number): { end(text: string): void } }) => {
      void (async () => {
        for await (const chunk of request) forms.push(chunk.toString());
        response.writeHead(status).end(JSON.stringify(body));
      })();
    },
  );
  expect(await run(build({ apiUrl: platform.url }), 'keys')).toMatchObject([{ status: expected }]);
  expect(Object.fromEntries(new URLSearchParams(forms.join('')))).toMatchObject({
    client_id: 'app-1',
    grant_type: 'authorization_code',
  });
  await platform.close();
  expect(await run(build({ apiUrl: platform.url }), 'keys')).toMatchObject([
    { status: 'failed', fix: expect.stringContaining('HIGHLEVEL_API_URL') },
  ]);
});

test('settings of the app that HighLevel would refuse are lines of their own', async () => {
  const app = { ...settings.app, scopes: ['contacts.readonly'] };
  const environment = build({ app, providers: [{ key: 'sms', id: 'p1', kind: 'sms' }], sharedSecrets: [] });
  const lines = await createProgramCheck(systemClock)({ ...environment, hasPublishedKey: false }, null);
  const names = ['providers:ids', 'scopes', 'shared_secret', 'webhook_keys'];
  expect(lines.filter(({ name }) => names.includes(name)).map(({ name, status }) => `${name} ${status}`)).toEqual([
    'providers:ids warning',
    'scopes failed',
    'shared_secret failed',
    'webhook_keys warning',
  ]);
});

test('a check that breaks is a line, and calls are not repeated while their result is kept', async () => {
  const clock = createTestClock();
  const check = createProgramCheck(clock);
  let count = 0;
  const verifyMail = async () => {
    count += 1;
  };
  const broken = { kind: 'embedded', inspect: async () => Promise.reject(new Error('broken')) } as const;
  const environment = build({}, { verifyMail, database: broken });
  const first = await check(environment, null);
  expect(first.find(({ name }) => name === 'database')).toMatchObject({ status: 'failed', messageKey: 'check_broken' });
  await check(environment, null);
  expect(count).toBe(1);
  await clock.tick(6 * 60_000);
  await check(environment, null);
  expect(count).toBe(2);
});

test('every message and remedy is plain text with known placeholders', () => {
  for (const text of [...Object.values(checkMessages), ...Object.values(checkFixes)])
    expect(text).toMatch(/^(\{message\}|[A-Z{].*[.:}])$/);
});
