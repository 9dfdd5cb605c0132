import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

/**
 * Takes the embedded database's directory for this process: two processes in one directory would destroy it.
 *
 * The lock is one that the kernel holds for as long as the process lives (a transaction of SQLite on a file of its own, so it holds between
 * containers that share a volume too). A process that was stopped for an hour still has it; one that was killed has it no more. A lease by
 * time was measured to fail: a suspended laptop lost it, and both processes wrote.
 *
 * @returns gives the directory back
 * @throws Error that says who has it and what to do; then nothing in the directory was touched
 */
export async function lockDirectory(dataDir: string): Promise<() => Promise<void>> {
  const ownerFile = join(dataDir, 'database.owner.json');
  const owner = readOwner(ownerFile);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = isLeased(dataDir, owner) ? null : await takeLock(join(dataDir, 'database.lock.sqlite'));
  if (!lock) {
    throw new Error(
      `Another process${owner ? ` (${owner.pid} on ${owner.host})` : ''} uses the embedded database in ${dataDir}. ` +
        'Stop it, or choose another DATA_DIR, or set DATABASE_URL: a PostgreSQL server takes many processes.',
    );
  }
  writeFileSync(
    ownerFile,
    JSON.stringify({ pid: process.pid, host: hostname(), since: new Date(processStartedAt()).toISOString() }),
  );
  return async () => lock.close();
}

/** @returns null when another process has it */
async function takeLock(file: string): Promise<DatabaseSync | null> {
  const { DatabaseSync: Sqlite } = await import('node:sqlite');
  const lock = new Sqlite(file);
  try {
    // A process that was killed this very moment still has it until the kernel has cleared it away.
    lock.exec('PRAGMA busy_timeout = 3000; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy) return null;
    throw error;
  }
}

const sqliteBusy = 5;
/** How version 0.3 kept its lock: a folder that it touched every five seconds. */
const leaseMs = 30_000;

/** Whether a process of version 0.3 on this host has the directory, which knows nothing of the kernel's lock. */
function isLeased(dataDir: string, owner: Owner | undefined): boolean {
  const lease = statSync(join(dataDir, 'database.lock'), { throwIfNoEntry: false });
  if (!lease || processStartedAt() - lease.mtimeMs > leaseMs) return false;
  return owner?.host !== hostname() || isAlive(owner.pid);
}

interface Owner {
  pid: number;
  host: string;
}

function processStartedAt(): number {
  return performance.timeOrigin;
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not written yet, or half written by a process that was killed: then the owner is not known.
    return undefined;
  }
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
