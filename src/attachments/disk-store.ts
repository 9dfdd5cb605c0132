import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../core/errors.ts';
import type { AttachmentStore } from './store.ts';

/** Creates a store of files in a folder, which several hosts may share. */
export function createDiskStore(folder: string): AttachmentStore {
  // Subfolders by the end of the ids, which is random: a folder with a million files is slow.
  const toPath = (id: string) => join(folder, id.slice(-2), id);
  return {
    async put(id, { path }) {
      await withStoreError(async () => {
        await mkdir(dirname(toPath(id)), { recursive: true });
        await moveFile(path, toPath(id));
      }).finally(() => rm(path, { force: true }));
    },
    async read(id, range) {
      return withStoreError(async () => {
        const file = await open(toPath(id)).catch(nullIfMissing);
        return file && createReadStream('', { fd: file, ...range });
      });
    },
    async remove(id) {
      await withStoreError(() => rm(toPath(id), { force: true }));
    },
  };
}

/** Removes the downloads that killed processes have left. @param before by the clock of the disk */
export async function removeStaleDownloads(folder: string, before: Date): Promise<void> {
  for (const name of (await readdir(folder).catch(nullIfMissing)) ?? []) {
    const path = join(folder, name);
    const stats = await stat(path).catch(nullIfMissing);
    if (stats && stats.mtime < before) await rm(path, { force: true });
  }
}

async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // The two folders may be on different disks.
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copyFile(from, to);
  }
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

async function withStoreError<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw new AppError(
      'attachment_store_unavailable',
      'Files can’t be stored or read at present: the folder for them does not work.',
      {
        cause,
      },
    );
  }
}
