import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';

const measurementTtlMs = 5_000;

/**
 * Creates a check whether a folder's disk has at least so many bytes free for this program's user. One measurement serves for some seconds.
 * A disk that can't be measured counts as having room: a write to a full one fails anyway.
 */
export function createFreeDiskCheck(clock: Clock, folder: string, minFreeBytes: number): () => Promise<boolean> {
  let measured: { at: number; hasRoom: Promise<boolean> } | undefined;
  return () => {
    const now = clock.now();
    if (!measured || now - measured.at >= measurementTtlMs) measured = { at: now, hasRoom: hasFreeBytes(folder, minFreeBytes) };
    return measured.hasRoom;
  };
}

async function hasFreeBytes(folder: string, minFreeBytes: number): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= minFreeBytes;
  } catch (error) {
    // The folder is created with its first file.
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(folder) !== folder;
    return isMissing ? hasFreeBytes(dirname(folder), minFreeBytes) : true;
  }
}
