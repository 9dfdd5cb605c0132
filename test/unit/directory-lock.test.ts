import { existsSync, lstatSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lockDirectory } from '../../src/database/directory-lock.ts';
import { createTemporaryFolder } from '../support/program.ts';

/** A folder as version 0.3 leaves or holds it. */
function leasedFolder(owner: { pid: number; host: string }, renewedMsAgo: number) {
  const folder = createTemporaryFolder();
  const lease = join(folder.path, 'database.lock');
  mkdirSync(lease);
  writeFileSync(join(folder.path, 'database.owner.json'), JSON.stringify(owner));
  const renewedAt = new Date(Date.now() - renewedMsAgo);
  utimesSync(lease, renewedAt, renewedAt);
  return folder;
}

const hourMs = 3_600_000;
/** Process numbers: of a living process, and of one that can't exist. */
const alive = process.ppid;
const dead = 2 ** 22 + 1;

test.each([
  ['lives on this host, suspended for an hour', { pid: alive, host: hostname() }, hourMs],
  ['was seen on another host just now', { pid: dead, host: 'another' }, 1_000],
])('a process of version 0.3 that %s keeps its folder', async (_what, owner, renewedMsAgo) => {
  using folder = leasedFolder(owner, renewedMsAgo);
  await expect(lockDirectory(folder.path)).rejects.toThrow(`Another process (${owner.pid} on ${owner.host})`);
  expect(lstatSync(join(folder.path, 'database.lock')).isDirectory()).toBe(true);
});

test.each([
  ['is dead on this host', { pid: dead, host: hostname() }, 1_000],
  ['was last seen on another host an hour ago', { pid: alive, host: 'another' }, hourMs],
])('the folder of a process of version 0.3 that %s blocks no start', async (_what, owner, renewedMsAgo) => {
  using folder = leasedFolder(owner, renewedMsAgo);
  const unlock = await lockDirectory(folder.path);
  expect(lstatSync(join(folder.path, 'database.lock')).isFile()).toBe(true);
  expect(JSON.parse(readFileSync(join(folder.path, 'database.owner.json'), 'utf8'))).toMatchObject({
    pid: process.pid,
    host: hostname(),
  });
  await unlock();
});

test('a released folder can be locked again, and its lock file stays: another process may have it open', async () => {
  using folder = createTemporaryFolder();
  const unlock = await lockDirectory(folder.path);
  await unlock();
  await unlock();
  expect(existsSync(join(folder.path, 'database.lock'))).toBe(true);
  await (await lockDirectory(folder.path))();
});

test('a folder that can’t be locked is distinguished from one that is locked', async () => {
  using folder = createTemporaryFolder();
  writeFileSync(join(folder.path, 'database.lock'), 'not what it should be'.repeat(100));
  await expect(lockDirectory(folder.path)).rejects.toThrow(/can’t be locked/);
});
