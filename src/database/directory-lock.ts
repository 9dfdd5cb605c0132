import { mkdirSync, readFileSync, renameSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { dateNow, sleep, systemClock } from '../core/clock.ts';

/** A process that ends may take a moment to do so. */
const maxAttempts = 12;
const retryDelayMs = 250;

/** SQLite's word for a lock that another process has. */
const sqliteBusy = 5;

/** Kept from the garbage collector, which would close the files and with them give up the locks. */
const heldLocks = new Set<DatabaseSync>();

/**
 * Takes DATA_DIR for this process alone: two processes with one embedded database would destroy it.
 *
 * The lock is one of the kernel (fcntl, by way of Node's SQLite, as Node has no call for it). It lasts exactly as long as the process: a
 * stopped one keeps it, a killed one leaves nothing behind, and containers on one host respect it. A lease by time was lost by a
 * process that slept. The file is opened once and never removed: closing any other descriptor of it would give the lock up.
 *
 * A refused start changes nothing in the directory.
 *
 * @returns gives the directory back
 * @throws Error that says which process has it and what to do
 */
export async function lockDirectory(path: string): Promise<() => Promise<void>> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lockFile = join(path, 'database.lock');
  const ownerFile = join(path, 'database.owner.json');
  for (let attempt = 1; ; attempt++) {
    const lock = isLeasedByEarlierVersion(lockFile, ownerFile) ? null : await tryLock(lockFile, path);
    if (lock) {
      writeOwner(ownerFile);
      return async () => release(lock);
    }
    if (attempt === maxAttempts) throw toLockedError(path, readOwner(ownerFile));
    await sleep(systemClock, retryDelayMs);
  }
}

async function tryLock(file: string, directory: string): Promise<DatabaseSync | null> {
  const { DatabaseSync: File } = await importSqlite();
  let lock: DatabaseSync | undefined;
  try {
    lock = new File(file);
    // Nothing is ever written to it: no journal either.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    heldLocks.add(lock);
    return lock;
  } catch (cause) {
    lock?.close();
    if ((cause as { errcode?: number }).errcode === sqliteBusy) return null;
    throw new Error(
      `${directory} can’t be locked: ${(cause as Error).message}. This program’s user must be able to write there, ` +
        'and the file system must support locks, as local disks do.',
      { cause },
    );
  }
}

function release(lock: DatabaseSync): void {
  if (heldLocks.delete(lock)) lock.close();
}

/** Node 22 calls its SQLite experimental, each time it is loaded. */
async function importSqlite(): Promise<typeof import('node:sqlite')> {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return await import('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

interface Owner {
  pid: number;
  host: string;
  /** ISO 8601; versions before 0.4 do not say. */
  since?: string;
}

/** Written whole or not at all: a refused process reads it to name its owner. */
function writeOwner(file: string): void {
  const owner: Owner = { pid: process.pid, host: hostname(), since: dateNow(systemClock).toISOString() };
  writeFileSync(`${file}.new`, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not written yet: its owner has only just taken the lock.
    return undefined;
  }
}

function toLockedError(path: string, owner: Owner | undefined): Error {
  const since = owner?.since ? `, since ${owner.since}` : '';
  const ownerText = owner ? ` (${owner.pid} on ${owner.host}${since})` : '';
  return new Error(
    `Another process${ownerText} uses ${path}; one that is only suspended keeps it too. ` +
      'Stop it, or choose another DATA_DIR, or set DATABASE_URL: a PostgreSQL server takes many processes.',
  );
}

const earlierLeaseMs = 30_000;

/**
 * Returns whether a process of version 0.3 has the directory: its lock was a folder of this name, renewed every few seconds. One that is
 * suspended on this host counts too. What a dead one has left is removed; a file in its place keeps version 0.3 out in turn.
 */
function isLeasedByEarlierVersion(lockFile: string, ownerFile: string): boolean {
  const lease = statSync(lockFile, { throwIfNoEntry: false });
  if (!lease?.isDirectory()) return false;
  const owner = readOwner(ownerFile);
  if (owner?.host === hostname() ? isAlive(owner.pid) : systemClock.now() - lease.mtimeMs < earlierLeaseMs) return true;
  try {
    rmdirSync(lockFile);
  } catch {
    // Another process that starts has removed it, and may have put its own lock there.
  }
  return false;
}

function isAlive(pid: number): boolean {
  // A restarted container gives its process the number of the one that was killed.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
