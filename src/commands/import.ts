import { join, resolve } from 'node:path';
import { resolveKeys } from '../config/development-keys.ts';
import { loadSettings, toDatabaseTarget } from '../config/settings.ts';
import { systemRandom } from '../core/ids.ts';
import { createSecretBox } from '../core/secret-box.ts';
import { openDatabase } from '../database/client.ts';
import { lockDirectory } from '../database/directory-lock.ts';
import { endImport, importTables } from '../database/transfer/import-tables.ts';
import { openTransferSession } from '../database/transfer/open-session.ts';
import { reencryptAll } from '../installations/reencrypt.ts';
import { restrictNewFiles } from '../runtime/file-permissions.ts';
import { copyFiles } from './copy-files.ts';
import { runCommand } from './run-command.ts';

restrictNewFiles();

/**
 * Runs `npm run import -- FOLDER`: fills an empty database with an export, and seals its secrets with the first of ENCRYPTION_KEYS; the keys of
 * the other server follow it in the list.
 */
await runCommand('The import is not complete', async () => {
  const [from] = process.argv.slice(2);
  if (!from) throw new Error('Name the folder of an export: npm run import -- FOLDER.');
  const folder = resolve(from);
  const settings = loadSettings();
  const { encryptionKeys } = resolveKeys(settings, systemRandom);
  const database = toDatabaseTarget(settings);
  if (database.kind === 'opened') throw new Error('The settings name no database.');
  // Held until the process ends, over both openings.
  if (database.kind === 'embedded') await lockDirectory(database.dataDir);
  const target = database.kind === 'embedded' ? { ...database, unlock: async () => {} } : database;

  const session = await openTransferSession(database);
  await importTables({ session, report: console.log }, folder).finally(() => session.close());
  if (!settings.attachments.bucket)
    await copyFiles(join(folder, 'files'), join(settings.dataDir, 'media', 'files'), { force: false });

  const db = await openDatabase(target);
  const { done, unreadable } = await reencryptAll({ db, box: createSecretBox(encryptionKeys, systemRandom) }, () => {}).finally(
    () => db.close(),
  );
  if (unreadable.length > 0) {
    const list = unreadable.map((name) => `\n  - ${name}`).join('');
    throw new Error(
      `No key opens the secrets of the rows below. Add the other server’s to ENCRYPTION_KEYS, and run it again.${list}`,
    );
  }
  const last = await openTransferSession(database);
  await endImport(last).finally(() => last.close());
  console.log(`Done: all tables are as they were exported, and the secrets of ${done} rows are sealed with the first key.`);
  return 0;
});
