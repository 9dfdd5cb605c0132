import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { listMigrationNames, type SqlSession } from '../migrate.ts';
import { readTransferState } from './freeze.ts';
import { type Manifest, readManifest, toTablePath } from './manifest.ts';
import { digestTable } from './read-rows.ts';
import { listTables, quote, type TransferTable } from './tables.ts';

export interface ImportDeps {
  session: SqlSession;
  /** Hears of each table. */
  report(line: string): void;
}

const maxRowsAtOnce = 500;
const maxCharsAtOnce = 4 * 1024 * 1024;

/**
 * Imports the tables of an export into an empty database and compares each with the count and the hash of the manifest. Until `endImport` the
 * program does not start on it. Run again, it goes on with the first table that is not complete.
 *
 * @throws Error with a message for the operator
 */
export async function importTables({ session, report }: ImportDeps, folder: string): Promise<void> {
  const manifest = await readManifest(folder);
  if (!manifest || manifest.eventOrder === null) throw new Error(`${folder} has no complete export.`);
  requireSameVersion(manifest);
  const tables = await listTables(session);
  // What follows the import changes rows: they are compared once.
  if (await beginImport(session, tables, manifest)) return;

  for (const expected of manifest.tables) {
    const table = tables.find(({ name }) => name === expected.name);
    if (table?.columns.join() !== expected.columns.join()) throw new Error(`The table ${expected.name} is another one here.`);
    const isSame = async () => {
      const { count, sha256 } = await digestTable(session, table);
      return count === expected.count && sha256 === expected.sha256;
    };
    if (!(await isSame())) {
      await importTable(session, table, toTablePath(folder, table.name));
      if (!(await isSame())) throw new Error(`The table ${table.name} is not what was exported. Is its file complete?`);
    }
    report(`${table.name}: ${expected.count}`);
  }
  await session.query(`SELECT setval('event_order', $1::text::bigint)`, [manifest.eventOrder]);
  // No worker of the other database takes its jobs back.
  await session.execute(`
    BEGIN;
    UPDATE jobs SET worker_id = NULL WHERE worker_id IS NOT NULL;
    UPDATE rate_limits SET owner_worker_id = NULL WHERE owner_worker_id IS NOT NULL;
    UPDATE transfer_imports SET is_compared = true;
    COMMIT`);
}

/** Lets the program start on an imported database. */
export async function endImport(session: SqlSession): Promise<void> {
  await session.execute('DROP TABLE IF EXISTS transfer_imports');
}

function requireSameVersion({ migration }: Manifest): void {
  const [newest = ''] = listMigrationNames().slice(-1);
  if (migration !== newest) {
    throw new Error('Another version of the program has made this export. Use the same version for the import, then update.');
  }
}

/** Begins an import, or goes on with it. @returns whether all its tables are there already */
async function beginImport(session: SqlSession, tables: readonly TransferTable[], { id }: Manifest): Promise<boolean> {
  if ((await readTransferState(session.query)).isIncomplete) {
    const [row] = await session.query('SELECT id::text AS id, is_compared AS "isCompared" FROM transfer_imports');
    if (row?.id !== id) throw new Error('This database has a part of another import. Use an empty database.');
    return row.isCompared === true;
  }
  for (const { name } of tables) {
    const [row] = await session.query(`SELECT 1 AS found FROM ${quote(name)} LIMIT 1`);
    if (row)
      throw new Error(
        `The database is not empty: ${name} has rows. Use a new one, which the program has not been started with.`,
      );
  }
  await session.execute(`
    BEGIN;
    CREATE TABLE transfer_imports (id uuid PRIMARY KEY, is_compared boolean NOT NULL);
    INSERT INTO transfer_imports VALUES ('${id}', false);
    COMMIT`);
  return false;
}

/** Rows that are there already, of a run that was interrupted, stay as they are. */
async function importTable(session: SqlSession, table: TransferTable, path: string): Promise<void> {
  const columns = table.columns.map(quote).join(', ');
  const sql = `
    INSERT INTO ${quote(table.name)} (${columns})
    SELECT ${columns} FROM json_populate_recordset(NULL::${quote(table.name)}, $1::json) ON CONFLICT DO NOTHING`;
  for await (const lines of readBatches(path)) await session.query(sql, [`[${lines.join(',')}]`]);
}

async function* readBatches(path: string): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let chars = 0;
  const file = createReadStream(path);
  const unzipped = file.pipe(createGunzip());
  file.on('error', (error) => unzipped.destroy(error));
  for await (const line of splitLines(unzipped)) {
    batch.push(line);
    chars += line.length;
    if (batch.length < maxRowsAtOnce && chars < maxCharsAtOnce) continue;
    yield batch;
    batch = [];
    chars = 0;
  }
  if (batch.length > 0) yield batch;
}

/** Splits at line feeds alone: a text in a row may contain the other characters that end a line elsewhere. */
async function* splitLines(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  let rest = '';
  input.setEncoding('utf8');
  for await (const chunk of input as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
