import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { getDevelopmentKeysPath, loadDevelopmentKeys } from '../../src/config/development-keys.ts';
import { renamedSettings } from '../../src/config/renamed-settings.ts';
import { settingsSchema } from '../../src/config/schema.ts';
import { loadSettings, SettingsError } from '../../src/config/settings.ts';
import { systemRandom } from '../../src/core/ids.ts';

const missingEnvFile = '/nonexistent/.env';
const load = (environment: Record<string, string>) => loadSettings(environment, missingEnvFile);
const listProblems = (environment: Record<string, string>): readonly string[] => {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
};

const key = Buffer.alloc(32, 7).toString('base64');
const production = {
  NODE_ENV: 'production',
  HIGHLEVEL_CLIENT_ID: 'app-1',
  HIGHLEVEL_CLIENT_SECRET: 'shh',
  ENCRYPTION_KEYS: key,
  SESSION_SECRETS: 'a session secret of some length',
};

test('all problems are reported at once', () => {
  const problems = listProblems({
    NODE_ENV: 'production',
    PORT: 'abc',
    DATABASE_URL: 'mysql://x',
    ROLE: 'boss',
    HIGHLEVEL_PROVIDERS: '{',
    ENCRYPTION_KEYS: 'short',
  });
  for (const name of [
    'PORT',
    'DATABASE_URL',
    'ROLE',
    'HIGHLEVEL_PROVIDERS',
    'ENCRYPTION_KEYS',
    'SESSION_SECRETS',
    'HIGHLEVEL_CLIENT_ID',
  ]) {
    expect(problems.some((problem) => problem.startsWith(name))).toBe(true);
  }
});

test.each([
  ['PORT', '70000', 'must be a whole number from 0 to 65535'],
  ['SEND_CONCURRENCY', '1.5', 'must be a whole number from 1 to 2000'],
  ['ALERT_FAILURE_RATE', '50', 'must be a number from 0.01 to 0.99'],
])('a number out of its range is told the range: %s=%s', (name, value, problem) => {
  expect(listProblems({ [name]: value })).toEqual([`${name} ${problem}`]);
});

test('production has no insecure default', () => {
  expect(listProblems({ NODE_ENV: 'production' }).map((problem) => problem.split(' ')[0])).toEqual([
    'HIGHLEVEL_CLIENT_ID',
    'HIGHLEVEL_CLIENT_SECRET',
    'ENCRYPTION_KEYS',
    'SESSION_SECRETS',
  ]);
  const settings = load(production);
  expect(settings).toMatchObject({ allowPrivateTargets: false, isSandbox: false, adminToken: undefined });
  expect(listProblems({ ...production, ADMIN_TOKEN: 'short' })).toEqual([expect.stringMatching(/^ADMIN_TOKEN/)]);
});

test('development without HighLevel’s keys is sandbox mode and may reach private addresses', () => {
  expect(load({})).toMatchObject({ isSandbox: true, allowPrivateTargets: true, port: 3000, appUrl: 'http://localhost:3000' });
  // With keys it is for work on an app: channels are simulators on the same machine, and the program listens there alone.
  const withKeys = { HIGHLEVEL_CLIENT_ID: 'a-b', HIGHLEVEL_CLIENT_SECRET: 's' };
  expect(load(withKeys)).toMatchObject({ isSandbox: false, allowPrivateTargets: true, host: '127.0.0.1' });
  expect(load({ ...production, ALLOW_PRIVATE_TARGETS: 'true' }).allowPrivateTargets).toBe(true);
  expect(load({ ALLOW_PRIVATE_TARGETS: 'false' }).allowPrivateTargets).toBe(false);
  expect(listProblems({ HIGHLEVEL_CLIENT_ID: 'a-b' })).toEqual([expect.stringMatching(/^HIGHLEVEL_CLIENT_SECRET/)]);
});

test('outside production it listens on this machine alone, unless HOST says otherwise', () => {
  expect(load({}).host).toBe('127.0.0.1');
  expect(load({ HOST: '0.0.0.0' }).host).toBe('0.0.0.0');
  expect(load(production).host).toBeUndefined();
  expect(load({ ...production, HOST: '::1' }).host).toBe('::1');
  expect(listProblems({ HOST: 'http://x' })).toEqual([expect.stringMatching(/^HOST must be/)]);
});

test('trusted proxies are a number, or addresses, ranges and kinds of networks; private networks by default', () => {
  expect(load({}).trustProxy).toEqual(['loopback', 'linklocal', 'uniquelocal']);
  expect(load({ TRUST_PROXY: '2' }).trustProxy).toBe(2);
  expect(load({ TRUST_PROXY: '0' }).trustProxy).toBe(0);
  const all = ['203.0.113.7', '198.51.100.0/24', '2001:db8::/32', 'loopback'];
  expect(load({ TRUST_PROXY: all.join(', ') }).trustProxy).toEqual(all);
  for (const wrong of [
    'true',
    'proxy.example.com',
    '203.0.113.0/33',
    '203.0.113.0/0',
    '10.0.0.1/8/8',
    '2001:db8::/129',
    ',',
    '-1',
  ]) {
    expect({ wrong, problems: listProblems({ TRUST_PROXY: wrong }) }).toEqual({
      wrong,
      problems: [expect.stringMatching(/^TRUST_PROXY must be/)],
    });
  }
});

test('a problem never repeats what could be a secret', () => {
  const problems = listProblems({
    ENCRYPTION_KEYS: 'my-secret-key',
    SESSION_SECRETS: 'tiny',
    HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: 'my-secret-key',
  });
  expect(problems).toHaveLength(3);
  expect(problems.join()).not.toMatch(/my-secret-key|tiny/);
});

test('HighLevel’s published key is the default, and PEM blocks or base64 replace it', () => {
  const base64 = 'MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=';
  const pem = `-----BEGIN PUBLIC KEY-----\\n${base64}\\n-----END PUBLIC KEY-----`;
  const spki = (environment: Record<string, string>) =>
    load(environment).webhookKeys.map((one) => one.export({ format: 'der', type: 'spki' }).toString('base64'));
  expect(spki({})).toEqual([base64]);
  expect(spki({ HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: `${base64},${base64}` })).toEqual([base64, base64]);
  expect(spki({ HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: `${pem}\\n${pem}` })).toEqual([base64, base64]);
});

test('web and worker need a PostgreSQL, as the embedded database takes one process', () => {
  expect(listProblems({ ROLE: 'web' })).toEqual([expect.stringMatching(/^DATABASE_URL/)]);
  expect(listProblems({ ROLE: 'worker', DATABASE_URL: 'postgresql://localhost/x' })).toEqual([]);
});

test('providers are checked one by one', () => {
  const provider = { key: 'sms', id: 'x', kind: 'sms' };
  expect(load({ HIGHLEVEL_PROVIDERS: JSON.stringify([provider]) }).providers).toEqual([provider]);
  expect(listProblems({ HIGHLEVEL_PROVIDERS: JSON.stringify([provider, provider]) })[0]).toMatch(/key twice/);
  expect(listProblems({ HIGHLEVEL_PROVIDERS: JSON.stringify([{ ...provider, kind: 'pigeon' }]) })[0]).toMatch(
    /HIGHLEVEL_PROVIDERS \(0.kind\)/,
  );
});

test('blanks, line ends and byte order marks around settings are dropped', () => {
  const providers =
    '\ufeff[{"key":"sms ","id":" 6816 ","kind":"sms"},{"key":"mail","id":1234567890123456789,"kind":"email"}]\r\n';
  const environment = {
    ...{ HIGHLEVEL_CLIENT_ID: ' app-1\r\n', HIGHLEVEL_CLIENT_SECRET: 'shh\n', HIGHLEVEL_SHARED_SECRETS: ' one , two\n' },
    ...{ APP_URL: ' https://x.example/ \n', ADMIN_TOKEN: '\ttoken ', HIGHLEVEL_PROVIDERS: providers },
  };
  expect(load(environment)).toMatchObject({
    ...{ clientId: 'app-1', clientSecret: 'shh', sharedSecrets: ['one', 'two'], appUrl: 'https://x.example' },
    adminToken: 'token',
    providers: [
      { key: 'sms', id: '6816' },
      { key: 'mail', id: '1234567890123456789' },
    ],
  });
});

test('an .env file with a byte order mark loses no setting', () => {
  const folder = mkdtempSync(join(tmpdir(), 'patchbay-'));
  writeFileSync(join(folder, '.env'), '\ufeffPORT=4321\r\nADMIN_TOKEN=token\r\n');
  try {
    expect(loadSettings({}, join(folder, '.env'))).toMatchObject({ port: 4321, adminToken: 'token' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an old name of a setting stops the start and names the new one, beside all other problems', () => {
  const old = Object.keys(renamedSettings);
  const problems = listProblems({ ...Object.fromEntries(old.map((name) => [name, 'my-old-value'])), PORT: 'abc' });
  expect(problems).toHaveLength(old.length + 1);
  expect(problems).toContainEqual(expect.stringMatching(/^PORT/));
  expect(problems).toContain('SENDS_AT_ONCE is now called SEND_CONCURRENCY');
  expect(problems).toContain('MEDIA_DAYS is now called ATTACHMENT_RETENTION_DAYS');
  expect(problems).toContain('ALERT_BUDGET_REMAINING is now called ALERT_QUOTA_REMAINING');
  expect(problems.join()).not.toContain('my-old-value');
  // Also beside the new name, and with any value; an empty one counts as not set.
  expect(listProblems({ SEND_CONCURRENCY: '10', SENDS_AT_ONCE: '10' })).toHaveLength(1);
  expect(listProblems({ SENDS_AT_ONCE: ' ' })).toEqual([]);
});

test('each renamed setting leads to one that exists, and no old name is one', () => {
  const names = Object.keys(settingsSchema.shape);
  for (const [oldName, newName] of Object.entries(renamedSettings)) {
    expect(names).toContain(newName);
    expect(names).not.toContain(oldName);
  }
});

test('.env.example names all settings and no other', () => {
  const example = readFileSync(resolve(import.meta.dirname, '../../.env.example'), 'utf8');
  const named = [...example.matchAll(/^# ?([A-Z0-9_]+)=/gm)].map((match) => match[1]);
  expect([...named].sort()).toEqual(Object.keys(settingsSchema.shape).sort());
});

test('development’s keys are made once, for their owner’s eyes only', () => {
  const dataDir = join(mkdtempSync(join(tmpdir(), 'patchbay-keys-')), 'data');
  const first = loadDevelopmentKeys(dataDir, systemRandom);
  expect(loadDevelopmentKeys(dataDir, systemRandom)).toEqual(first);
  expect(statSync(getDevelopmentKeysPath(dataDir)).mode & 0o777).toBe(0o600);
  expect(Buffer.from(first.encryptionKey, 'base64')).toHaveLength(32);
  rmSync(dataDir, { recursive: true });
});

test('alerts have defaults, and the settings of a notifier are given together or not at all', () => {
  expect(load({})).toMatchObject({
    alertLimits: { failureRate: 0.5, silentHours: 48, quotaRemaining: 10_000, queueLatencySeconds: 300, signatureFailures: 20 },
    alertWebhook: undefined,
    alertMail: undefined,
  });
  const webhook = { ALERT_WEBHOOK_URL: 'https://x.example/hook/', ALERT_WEBHOOK_SECRET: `whsec_${key}` };
  const mail = {
    ALERT_EMAIL_TO: 'a@x.example, B <b@x.example>',
    ALERT_EMAIL_FROM: 'p@x.example',
    SMTP_URL: 'smtp://u:p@x.example:587',
  };
  expect(load({ ...webhook, ...mail })).toMatchObject({
    alertWebhook: { url: 'https://x.example/hook/', secret: `whsec_${key}` },
    alertMail: { smtpUrl: mail.SMTP_URL, from: 'p@x.example', to: mail.ALERT_EMAIL_TO },
  });
  const given = { ...webhook, ...mail };
  for (const name of Object.keys(given)) {
    const { [name as keyof typeof given]: _left, ...rest } = given;
    expect(listProblems(rest)).toEqual([expect.stringMatching(new RegExp(`^${name} is needed with`))]);
  }
  expect(
    listProblems({ ...given, ALERT_WEBHOOK_SECRET: 'hush-hush', SMTP_URL: 'http://x', ALERT_EMAIL_TO: 'no-address' }),
  ).toHaveLength(3);
  expect(listProblems({ ALERT_SILENT_HOURS: '6', ALERT_FAILURE_RATE: '2' })).toHaveLength(2);
});

test('a client of Google or Microsoft has both an id and a secret, and its endpoints are below the bases', () => {
  expect(load({}).consentClients).toEqual({ google: undefined, microsoft: undefined });
  const given = { MICROSOFT_CLIENT_ID: 'id', MICROSOFT_CLIENT_SECRET: 'secret', MICROSOFT_TENANT: 'contoso.example' };
  const base = 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0';
  expect(load(given).consentClients.microsoft).toEqual({
    ...{ clientId: 'id', clientSecret: 'secret', authorizeUrl: `${base}/authorize`, tokenUrl: `${base}/token` },
  });
  for (const name of ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET', 'MICROSOFT_CLIENT_ID', 'MICROSOFT_CLIENT_SECRET']) {
    expect(listProblems({ [name]: 'x' })).toEqual([expect.stringMatching(`is needed with ${name}$`)]);
  }
  expect(listProblems({ MICROSOFT_TENANT: '../x' })).toEqual([expect.stringMatching(/^MICROSOFT_TENANT must be/)]);
});

test('a bucket for files needs all of its settings', () => {
  const bucket = { ATTACHMENT_S3_ENDPOINT: 'https://s3.example.com/', ATTACHMENT_S3_BUCKET: 'files' };
  expect(listProblems(bucket).map((problem) => problem.split(' ')[0])).toEqual([
    'ATTACHMENT_S3_ACCESS_KEY_ID',
    'ATTACHMENT_S3_SECRET_ACCESS_KEY',
  ]);
  const keys = { ATTACHMENT_S3_ACCESS_KEY_ID: 'id', ATTACHMENT_S3_SECRET_ACCESS_KEY: 'key' };
  expect(load({ ...bucket, ...keys }).attachments.bucket).toMatchObject({
    endpoint: 'https://s3.example.com',
    region: 'us-east-1',
  });
  expect(load({}).attachments).toEqual({
    maxBytes: 25 * 1024 * 1024,
    maxBytesPerLocation: 2_000 * 1024 * 1024,
    minFreeBytes: 500 * 1024 * 1024,
    days: 30,
    delivery: 'link',
    bucket: undefined,
  });
  expect(listProblems({ ATTACHMENT_DELIVERY: 'pigeon' })).toEqual(['ATTACHMENT_DELIVERY must be link or upload']);
});

test('the address of the database names no schema but `public`, which Prisma’s addresses have', () => {
  expect(listProblems({ DATABASE_URL: 'postgresql://localhost/x?schema=public&sslmode=require' })).toEqual([]);
  expect(listProblems({ DATABASE_URL: 'postgresql://localhost/x?sslmode=require&schema=app' })).toEqual([
    expect.stringMatching(/^DATABASE_URL .*search_path/),
  ]);
});
