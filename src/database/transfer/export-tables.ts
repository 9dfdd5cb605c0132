import { createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { timeSql } from '../clock.ts';
import { listMigrationNames, type SqlSession } from '../migrate.ts';
import { freeze, readTransferState } from './freeze.ts';
import { type Manifest, readManifest, toTablePath, writeManifest } from './manifest.ts';
import { createDigest, type Digest, readRows } from './read-rows.ts';
import { listTables, type TransferTable } from './tables.ts';

export interface ExportDeps {
  session: SqlSession;
  newId(): string;
  /** Hears of each table. */
  report(line: string): void;
}

/**
 * Exports all tables to a folder: a file each, compressed, and a manifest with their counts and hashes. The database takes no more writes from
 * then on. Run again, it goes on after the last table that is complete.
 *
 * @throws Error with a message for the operator
 */
export async function exportTables({ session, newId, report }: ExportDeps, folder: string): Promise<Manifest> {
  if ((await readTransferState(session.query)).isIncomplete) throw new Error('This database has only a part of an import.');
  const tables = await listTables(session);
  await mkdir(folder, { recursive: true });
  const found = await readManifest(folder);
  const isFrozen = (await readTransferState(session.query)).isFrozen;
  if (found && !isFrozen) throw new Error(`${folder} has an export already. Use an empty folder.`);
  if (found === null && isFrozen) throw new Error('This database is being exported to another folder. Go on with that one.');
  await freeze(session, tables);
  const workers = await session.query('SELECT 1 FROM workers LIMIT 1');
  report('The database takes no more writes.');
  if (workers.length > 0) report('Stop all workers now: whether what they are sending has arrived can’t be recorded any more.');

  const [migration = ''] = listMigrationNames().slice(-1);
  let manifest: Manifest = found ?? {
    ...{ format: 1, id: newId(), exportedAt: new Date(await readTime(session)).toISOString(), migration },
    ...{ eventOrder: null, tables: [] },
  };
  await writeManifest(folder, manifest);
  for (const table of tables) {
    if (manifest.tables.some(({ name }) => name === table.name)) continue;
    const digest = await exportTable(session, table, toTablePath(folder, table.name));
    manifest = { ...manifest, tables: [...manifest.tables, { name: table.name, columns: [...table.columns], ...digest }] };
    await writeManifest(folder, manifest);
    report(`${table.name}: ${digest.count}`);
  }
  const [row] = await session.query('SELECT last_value::text AS "eventOrder" FROM event_order');
  manifest = { ...manifest, eventOrder: String(row?.eventOrder) };
  await writeManifest(folder, manifest);
  return manifest;
}

async function readTime(session: SqlSession): Promise<number> {
  const [row] = await session.query(timeSql);
  return Number(row?.ms);
}

async function exportTable(session: SqlSession, table: TransferTable, path: string): Promise<Digest> {
  const digest = createDigest();
  async function* toText() {
    for await (const lines of readRows(session, table)) {
      lines.forEach(digest.add);
      yield `${lines.join('\n')}\n`;
    }
  }
  await pipeline(Readable.from(toText()), createGzip(), createWriteStream(`${path}.part`));
  await rename(`${path}.part`, path);
  return digest.read();
}
