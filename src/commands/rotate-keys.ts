import { resolveKeys } from '../config/development-keys.ts';
import { loadSettings, toDatabaseTarget } from '../config/settings.ts';
import { formatCount } from '../core/format-count.ts';
import { systemRandom } from '../core/ids.ts';
import { createSecretBox } from '../core/secret-box.ts';
import { openDatabase } from '../database/client.ts';
import { lockDirectory } from '../database/directory-lock.ts';
import { type ReencryptProgress, reencryptAll } from '../installations/reencrypt.ts';
import { restrictNewFiles } from '../runtime/file-permissions.ts';
import { runCommand } from './run-command.ts';

restrictNewFiles();

/**
 * Runs `npm run rotate-keys`: encrypts every stored secret again with the first of ENCRYPTION_KEYS. Safe while the program runs on
 * PostgreSQL.
 */
await runCommand('The keys were not rotated', rotate);

async function rotate(): Promise<number> {
  const settings = loadSettings();
  const database = toDatabaseTarget(settings);
  // First: where the program runs, the directory must stay untouched.
  if (database.kind === 'embedded') database.unlock = await lockDirectory(database.dataDir);
  const { encryptionKeys } = resolveKeys(settings, systemRandom);
  const db = await openDatabase(database);
  try {
    const { done, unreadable } = await reencryptAll({ db, box: createSecretBox(encryptionKeys, systemRandom) }, printProgress);
    if (unreadable.length === 0) {
      console.log(`Done: ${formatCount(done, 'row')} sealed with the newest key. Remove the older ones from ENCRYPTION_KEYS.`);
      return 0;
    }
    console.error(`No key of ENCRYPTION_KEYS opens the secrets of:${unreadable.map((name) => `\n  - ${name}`).join('')}`);
    return 1;
  } finally {
    await db.close();
  }
}

function printProgress({ done, total }: ReencryptProgress): void {
  console.log(`${done} of ${total}`);
}
