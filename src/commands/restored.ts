import { loadSettings, toDatabaseTarget } from '../config/settings.ts';
import { dateNow, systemClock } from '../core/clock.ts';
import { openDatabase } from '../database/client.ts';
import { lockDirectory } from '../database/directory-lock.ts';
import { markRestored } from '../database/identity.ts';
import { restrictNewFiles } from '../runtime/file-permissions.ts';
import { runCommand } from './run-command.ts';

restrictNewFiles();

/** Runs `npm run restored`: says that the database was restored from a backup, where the program can't notice that by itself. */
await runCommand('The database is not marked as restored', async () => {
  const database = toDatabaseTarget(loadSettings());
  if (database.kind === 'embedded') database.unlock = await lockDirectory(database.dataDir);
  const db = await openDatabase(database);
  await markRestored(db.client, dateNow(systemClock)).finally(() => db.close());
  console.log('The next start examines what waits in the database before it goes out.');
  return 0;
});
