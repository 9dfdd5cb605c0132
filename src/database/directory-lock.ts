import { mkdirSync, readFileSync, renameSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { dateNow, sleep, systemClock } from '../core/clock.ts';

/** A stopping process may take a moment to end. */
const maxAttempts = 12;
const retryDelayMs = 250;

/** SQLite's code for a lock that another process holds. */
const sqliteBusy = 5;

/** References that stop the garbage collector from closing the files, which would release the locks. */
const heldLocks = new Set<DatabaseSync>();

/**
 * Locks DATA_DIR for this process alone: two processes with one embedded database would destroy it.
 *
 * The lock is the kernel's (fcntl, through Node's SQLite, as Node has no call for it). It lasts exactly as long as the process: a suspended
 * process keeps it, a killed one leaves no trace, and containers on one host respect it. A lease by time was rejected: a process that slept
 * lost it. The file is opened once and never removed: closing any other descriptor of it would release the lock.
 *
 * A refused start changes no file in the directory.
 *
 * @param attempts tries, a quarter of a second apart
 * @returns releases the directory
 * @throws Error that names the process that holds it and says what to do
 */
export async function lockDirectory(path: string, attempts = maxAttempts): Promise<() => Promise<void>> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lockFile = join(path, 'database.lock');
  const ownerFile = join(path, 'database.owner.json');
  for (let attempt = 1; ; attempt++) {
    const lock = isLeasedByEarlierVersion(lockFile, ownerFile) ? null : await tryLock(lockFile, path);
    if (lock) {
      writeOwner(ownerFile);
      return async () => release(lock);
    }
    if (attempt === attempts) throw toLockedError(path, readOwner(ownerFile));
    await sleep(systemClock, retryDelayMs);
  }
}

async function tryLock(file: string, directory: string): Promise<DatabaseSync | null> {
  const { DatabaseSync: File } = await importSqlite();
  let lock: DatabaseSync | undefined;
  try {
    lock = new File(file);
    // The file stays empty: it needs no journal either.
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

/** Imports SQLite without its warning: Node 22 calls it experimental on each load. */
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

/** Writes the owner atomically: a refused process reads the file to name it. */
function writeOwner(file: string): void {
  const owner: Owner = { pid: process.pid, host: hostname(), since: dateNow(systemClock).toISOString() };
  writeFileSync(`${file}.new`, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not written yet: its owner has only just locked the directory.
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
 * Returns whether a process of version 0.3 uses the directory: its lock was a folder of this name, renewed every few seconds. A process
 * that is suspended on this host counts too. The folder of a dead one is removed; the file in its place then refuses version 0.3 in turn.
 */
function isLeasedByEarlierVersion(lockFile: string, ownerFile: string): boolean {
  const lease = statSync(lockFile, { throwIfNoEntry: false });
  if (!lease?.isDirectory()) return false;
  const owner = readOwner(ownerFile);
  if (owner?.host === hostname() ? isAlive(owner.pid) : systemClock.now() - lease.mtimeMs < earlierLeaseMs) return true;
  try {
    rmdirSync(lockFile);
  } catch {
    // Another starting process has removed it, and may have put its own lock there.
  }
  return false;
}

function isAlive(pid: number): boolean {
  // A restarted container gives its process the number of the killed one.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
