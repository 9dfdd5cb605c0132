import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lockDirectory } from './directory-lock.ts';
import { compareMigrations, type MigrationGap } from './migrate.ts';

/** State of the embedded database of a folder. */
export type EmbeddedFacts =
  | { readonly kind: 'missing' }
  /** Another process uses it. */
  | { readonly kind: 'in_use'; readonly message: string }
  | { readonly kind: 'free'; readonly version: string; readonly migrations: MigrationGap };

/** Inspects the embedded database of a folder, where no process uses it. Migrates nothing. */
export async function inspectEmbedded(dataDir: string): Promise<EmbeddedFacts> {
  const folder = join(dataDir, 'database');
  if (!existsSync(folder)) return { kind: 'missing' };
  let unlock: () => Promise<void>;
  try {
    unlock = await lockDirectory(dataDir, 1);
  } catch (error) {
    return { kind: 'in_use', message: (error as Error).message };
  }
  const { PGlite } = await import('@electric-sql/pglite');
  try {
    const embedded = await PGlite.create(folder);
    try {
      const { rows } = await embedded.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
      const migrations = await compareMigrations(async (sql) => (await embedded.query<Record<string, unknown>>(sql)).rows);
      return { kind: 'free', version: rows[0]?.version ?? '', migrations };
    } finally {
      await embedded.close();
    }
  } finally {
    await unlock();
  }
}
