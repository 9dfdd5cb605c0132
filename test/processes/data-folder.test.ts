import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createDataFolder } from '../support/databases.ts';
import { createTemporaryFolder, findFreePorts, pollUntil, spawnProgram, startProgram } from '../support/program.ts';

/** What the folder of the embedded database is kept from: two processes, other users, and a log that can't be written. */

const environment = async (folder: string) => ({ DATA_DIR: folder, PORT: String(await findFreePorts()) });

/** Every file under a folder, with what would change if it were written. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const { mode, size, mtimeMs, ino } = lstatSync(join(folder, name));
      return [name, mode, size, mtimeMs, ino].join(' ');
    });
}

test('a suspended process retains its folder: another start is rejected, names the owner, and does not touch the folder', async () => {
  using folder = createDataFolder();
  await using first = await startProgram(await environment(folder.path));
  first.child.kill('SIGSTOP');
  const before = filesIn(folder.path);
  const second = await startProgram(await environment(folder.path), { isReady: false });
  expect(second.child.exitCode).toBe(1);
  expect(second.output()).toMatch(
    new RegExp(`Another process \\(${first.child.pid} on \\S+, since 20\\S+\\) uses ${folder.path}`),
  );
  expect(second.output()).toContain('DATABASE_URL');
  const rotation = await startProgram(await environment(folder.path), { isReady: false, by: 'rotate-keys' });
  expect(rotation.child.exitCode).toBe(1);
  expect(rotation.output()).toContain('Another process');
  expect(filesIn(folder.path)).toEqual(before);

  // It works on, and what it stores is there for the next one.
  first.child.kill('SIGCONT');
  const { adminToken } = JSON.parse(readFileSync(join(folder.path, 'keys.json'), 'utf8'));
  const headers = { authorization: `Bearer ${adminToken}` };
  expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  expect(await first.end('SIGKILL')).toBeNull();
  await using third = await startProgram(await environment(folder.path));
  expect((await fetch(`${third.url}/api/overview`, { headers })).status).toBe(200);
});

test('only the program’s user can read the files, even in a folder that another user created', async () => {
  using folder = createTemporaryFolder();
  const data = join(folder.path, 'data');
  mkdirSync(data);
  chmodSync(data, 0o755);
  writeFileSync(join(data, 'left.txt'), 'open');
  chmodSync(join(data, 'left.txt'), 0o666);
  await using _program = await startProgram(await environment(data));
  // The embedded database sets the permissions of its own files itself; its folder, and the one above, let nobody in.
  const open = readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('database/'))
    .map((name) => ({ name, mode: statSync(join(data, name)).mode & 0o077 }))
    .filter(({ mode }) => mode !== 0);
  expect(open).toEqual([]);
  expect(statSync(data).mode & 0o777).toBe(0o700);
});

test.each(['/dev/full', 'a pipe that is not read'])('a log on %s never stops the program', async (place) => {
  using folder = createDataFolder();
  const settings = { ...(await environment(folder.path)), LOG_LEVEL: 'trace' };
  const output = place === '/dev/full' ? openSync(place, 'w') : ('pipe' as const);
  const child = spawnProgram(settings, 'node', output);
  try {
    const url = `http://127.0.0.1:${settings.PORT}`;
    const isUp = async () => (await fetch(`${url}/healthz`).catch(() => null))?.status === 200;
    await pollUntil(isUp, 'it is up');
    // Far more lines than a pipe holds.
    for (let n = 0; n < 1_500; n++) await fetch(`${url}/${'x'.repeat(900)}`);
    expect(await isUp()).toBe(true);
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill('SIGKILL');
    if (typeof output === 'number') closeSync(output);
  }
});
