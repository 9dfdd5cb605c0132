import { readFileSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';

/**
 * Embedded databases that are open, for the tests of one process, whatever their files: opening one takes longer than many a test. They
 * live outside of Jest's realms, which end with each file.
 */
const spare = [];

/** An open one keeps its process alive. The next file begins sooner than this, if there is one. */
const idleMs = 300;
let closing;

/** @param dumpFile of a migrated database without rows */
export async function acquireEmbedded(dumpFile) {
  return spare.pop() ?? PGlite.create({ loadDataDir: new Blob([readFileSync(dumpFile)]) });
}

/** Empties it for the next test. One whose tables are not as they were is closed. */
export async function releaseEmbedded(embedded) {
  const { rows } = await embedded.query(`
    SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'`);
  const names = rows.map(({ name }) => name);
  if (names.some((name) => name.endsWith('_away'))) return embedded.close();
  await embedded.exec(`TRUNCATE ${names.join(', ')}`);
  spare.push(embedded);
}

export function beginFile() {
  clearTimeout(closing);
}

export function endFile() {
  closing = setTimeout(closeSpare, idleMs);
}

function closeSpare() {
  clearTimeout(closing);
  for (const embedded of spare.splice(0)) void embedded.close();
}

// Jest ends a worker by taking its listener away, and kills one that is still there half a second later.
process.on('removeListener', (event) => event === 'message' && closeSpare());
