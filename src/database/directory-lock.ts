import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { pause, systemClock } from '../core/clock.ts';

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

  const release = await takeOver(acquire, () => {
    const owner = readOwner(ownerFile);
    if (owner?.host !== hostname() || isAlive(owner.pid)) return false;
    rmSync(lockFile, { recursive: true, force: true });
    return true;
  });
  if (!release) {
    const owner = readOwner(ownerFile);
    throw new Error(
      `Another process${owner ? ` (${owner.pid} on ${owner.host})` : ''} uses the embedded database in ${dataDir}. ` +
        'Stop it, or choose another DATA_DIR, or set DATABASE_URL: a PostgreSQL server takes many processes.',
    );
  }
  writeFileSync(ownerFile, JSON.stringify({ pid: process.pid, host: hostname() }));
  return release;
}

const tries = 12;
const betweenTriesMs = 250;

/**
 * Tries for a moment: a process that was just killed still counts as alive while the system clears it away.
 *
 * @param clearDead removes the lock if its owner is dead
 */
async function takeOver<T>(acquire: () => Promise<T>, clearDead: () => boolean): Promise<T | null> {
  for (let left = tries; left > 0; left--) {
    try {
      return await acquire();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
    }
    if (!clearDead()) await pause(systemClock, betweenTriesMs);
  }
  return null;
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
