import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';

/**
 * Takes the embedded database's directory for this process: two processes in one directory would destroy it.
 *
 * The lock of a process that was killed on this machine is taken over at once; one left by another machine (a shared volume) lapses
 * by itself, as nobody here can tell whether its process still lives.
 *
 * @returns gives the directory back
 * @throws Error that says who has it and what to do
 */
export async function lockDirectory(dataDir: string): Promise<() => Promise<void>> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const ownerFile = join(dataDir, 'database.owner.json');
  const lockFile = join(dataDir, 'database.lock');
  const acquire = () =>
    lock(dataDir, {
      lockfilePath: lockFile,
      // Opening the embedded database for the first time blocks this process for seconds; shorter and it would look dead.
      stale: 30_000,
      update: 5_000,
      onCompromised: (error) => {
        throw new Error(`The lock on ${dataDir} was lost to another process; stopping before it harms the data.`, {
          cause: error,
        });
      },
    });

  const release = await acquire().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ELOCKED') throw error;
    const owner = readOwner(ownerFile);
    if (owner?.host !== hostname() || isAlive(owner.pid)) {
      throw new Error(
        `Another process${owner ? ` (${owner.pid} on ${owner.host})` : ''} uses the embedded database in ${dataDir}. ` +
          'Stop it, or choose another DATA_DIR, or set DATABASE_URL: a PostgreSQL server takes many processes.',
        { cause: error },
      );
    }
    rmSync(lockFile, { recursive: true, force: true });
    return acquire();
  });

  writeFileSync(ownerFile, JSON.stringify({ pid: process.pid, host: hostname() }));
  return release;
}

function readOwner(file: string): { pid: number; host: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Not written yet, or half written by a process that was killed: then the owner is simply not known.
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
