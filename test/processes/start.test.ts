import { createSigner } from '../../src/sandbox/highlevel/signer.ts';
import { createDataFolder } from '../support/databases.ts';
import { createTemporaryFolder, findFreePorts, startProgram } from '../support/program.ts';

test('all invalid settings are listed, with exit code 1', async () => {
  const program = await startProgram({ NODE_ENV: 'production', PORT: 'x', ROLE: 'web' }, { isReady: false });
  expect(program.child.exitCode).toBe(1);
  for (const name of [
    'PORT',
    'HIGHLEVEL_CLIENT_ID',
    'HIGHLEVEL_CLIENT_SECRET',
    'ENCRYPTION_KEYS',
    'SESSION_SECRETS',
    'DATABASE_URL',
  ]) {
    expect(program.output()).toContain(`  - ${name} `);
  }
});

test('a second process in the same folder reports the owner, and the lock of a killed process does not block the next start', async () => {
  using folder = createTemporaryFolder();
  const environment = async () => ({ DATA_DIR: folder.path, PORT: String(await findFreePorts()) });
  await using first = await startProgram(await environment());
  const second = await startProgram(await environment(), { isReady: false });
  expect(second.child.exitCode).toBe(1);
  expect(second.output()).toContain(`Another process (${first.child.pid} on `);
  expect(second.output()).toContain('DATABASE_URL');

  await first.end('SIGKILL');
  await using third = await startProgram(await environment());
  expect(third.output()).toContain('sandbox mode');
});

test('sandbox mode accepts the secrets and the signing keys of the settings besides its own', async () => {
  using folder = createDataFolder();
  const signer = createSigner(Buffer.alloc(32, 7));
  await using program = await startProgram({
    DATA_DIR: folder.path,
    PORT: String(await findFreePorts()),
    WORKFLOW_SECRETS: 'a secret of our own',
    HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: signer.publicKey,
  });
  const post = (path: string, body: string, headers: Record<string, string>) =>
    fetch(`${program.url}${path}`, { method: 'POST', body, headers });
  const trigger = await post('/workflows/triggers', '{}', { 'x-patchbay-secret': 'a secret of our own' });
  expect(trigger.status).toBe(400);
  const webhook = await post('/webhooks/app', '{}', { 'x-ghl-signature': signer.sign(Buffer.from('{}')) });
  expect(webhook.status).toBe(202);
  const install = await fetch(`${program.url}/install`, { redirect: 'manual' });
  const scopes = new URL(install.headers.get('location') ?? '').searchParams.get('scope')?.split(' ');
  expect(scopes).toEqual([...new Set(scopes)]);
});

test('a SIGTERM to npm start stops the program itself', async () => {
  using folder = createDataFolder();
  const environment = { DATA_DIR: folder.path, PORT: String(await findFreePorts()) };
  await using program = await startProgram(environment, { by: 'npm' });
  await program.end('SIGTERM');
  expect(program.output()).toContain('"msg":"stopped"');
  await expect(fetch(`${program.url}/healthz`)).rejects.toThrow();
});
