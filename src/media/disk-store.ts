import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../core/errors.ts';
import type { MediaStore } from './store.ts';

/** Keeps files in a folder, which several hosts may share. */
export function diskStore(folder: string): MediaStore {
  // By the end of their ids, which is random: a folder with a million files is a slow one.
  const pathOf = (id: string) => join(folder, id.slice(-2), id);
  return {
    async put(id, { path }) {
      await orUnavailable(async () => {
        await mkdir(dirname(pathOf(id)), { recursive: true });
        await move(path, pathOf(id));
      }).finally(() => rm(path, { force: true }));
    },
    async read(id, range) {
      return orUnavailable(async () => {
        const file = await open(pathOf(id)).catch(missing);
        return file && createReadStream('', { fd: file, ...range });
      });
    },
    async remove(id) {
      await orUnavailable(() => rm(pathOf(id), { force: true }));
    },
  };
}

/** Removes what killed processes have left of their downloads. @param before by the clock of the disk */
export async function removeStale(folder: string, before: Date): Promise<void> {
  for (const name of (await readdir(folder).catch(missing)) ?? []) {
    const path = join(folder, name);
    const found = await stat(path).catch(missing);
    if (found && found.mtime < before) await rm(path, { force: true });
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // The two folders may be on different disks.
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyFile(from, to);
  }
}

function missing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new AppError(
      'media_store_unavailable',
      'Files can’t be kept or read at present: the folder for them does not work.',
      {
        cause,
      },
    );
  }
}
