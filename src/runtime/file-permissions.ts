import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Makes the files that this process creates from now on readable for its own user alone. */
export function restrictNewFiles(): void {
  process.umask(0o077);
}

/** Stored attachments may be many, and the folder above them is closed to other users. */
const skippedFolders = new Set(['media']);

/**
 * Closes the data folder to other users of the machine, even where it existed before.
 *
 * @throws Error for the operator, when it belongs to another user
 */
export function restrictToOwner(dataDir: string): void {
  if (process.platform === 'win32' || !existsSync(dataDir)) return;
  try {
    chmodTree(dataDir);
  } catch (cause) {
    throw new Error(
      `The files in ${dataDir} can be read by other users of this machine, and belong to a user whose permissions this process can’t ` +
        'change. Give them to the user that runs Patchbay, or choose another DATA_DIR.',
      { cause },
    );
  }
}

function chmodTree(path: string): void {
  const stats = statSync(path);
  const mode = stats.isDirectory() ? 0o700 : 0o600;
  if ((stats.mode & 0o077) !== 0) chmodSync(path, mode);
  if (!stats.isDirectory()) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory() ? !skippedFolders.has(entry.name) : entry.isFile()) chmodTree(join(path, entry.name));
  }
}
