import { cp } from 'node:fs/promises';

/** Copies the files that contacts sent. A folder that does not exist has none. @param options `force`: replaces files that are there already */
export async function copyFiles(from: string, to: string, { force }: { force: boolean }): Promise<void> {
  await cp(from, to, { recursive: true, force }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
