import { join, resolve } from 'node:path';
import { loadSettings, toDatabaseTarget } from '../config/settings.ts';
import { systemClock } from '../core/clock.ts';
import { createIdGenerator, systemRandom } from '../core/ids.ts';
import { lockDirectory } from '../database/directory-lock.ts';
import { exportTables } from '../database/transfer/export-tables.ts';
import { unfreeze } from '../database/transfer/freeze.ts';
import { openTransferSession } from '../database/transfer/open-session.ts';
import { restrictNewFiles } from '../runtime/file-permissions.ts';
import { copyFiles } from './copy-files.ts';
import { runCommand } from './run-command.ts';

restrictNewFiles();

/** Runs `npm run export -- FOLDER`: writes the whole database to a folder, for `npm run import`, and lets it take no more writes. */
await runCommand('The export is not complete', async () => {
  const [target] = process.argv.slice(2);
  if (!target)
    throw new Error('Name a folder: npm run export -- FOLDER. To use this database again: npm run export -- --undo.');
  const settings = loadSettings();
  const database = toDatabaseTarget(settings);
  if (database.kind === 'opened') throw new Error('The settings name no database.');
  if (database.kind === 'embedded') await lockDirectory(database.dataDir);
  const session = await openTransferSession(database);
  try {
    if (target === '--undo') {
      await unfreeze(session);
      console.log('This database can be used again. Delete the export: a second program on it would send messages again.');
      return 0;
    }
    const folder = resolve(target);
    await exportTables({ session, newId: createIdGenerator(systemClock, systemRandom), report: console.log }, folder);
    if (!settings.attachments.bucket)
      await copyFiles(join(settings.dataDir, 'media', 'files'), join(folder, 'files'), { force: true });
    console.log(`Done. With the new server’s settings: npm run import -- ${folder}`);
    return 0;
  } finally {
    await session.close();
  }
});
