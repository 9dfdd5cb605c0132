import type { SqlSession } from '../migrate.ts';
import { quote, type TransferTable } from './tables.ts';

/**
 * Makes every write to these tables fail as on a read-only server, in this and every other process: what comes in is refused with 503, and
 * HighLevel and vendors repeat it later. So nothing is acknowledged here that the export lacks. Waits for writes that are running.
 */
export async function freeze(session: SqlSession, tables: readonly TransferTable[]): Promise<void> {
  await session.execute(`
    CREATE OR REPLACE FUNCTION transfer_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'This database was exported: it takes no more writes.' USING ERRCODE = '25006'; END $$`);
  for (const { name } of tables) {
    await session.execute(`
      CREATE OR REPLACE TRIGGER transfer_frozen BEFORE INSERT OR UPDATE OR DELETE ON ${quote(name)}
      FOR EACH STATEMENT EXECUTE FUNCTION transfer_frozen()`);
  }
}

/** Lets a database be written again. */
export async function unfreeze(session: SqlSession): Promise<void> {
  await session.execute('DROP FUNCTION IF EXISTS transfer_frozen() CASCADE');
}

const stateSql = `SELECT to_regproc('transfer_frozen') IS NOT NULL AS "isFrozen", to_regclass('transfer_imports') IS NOT NULL AS "isIncomplete"`;

/** Returns whether a database was exported, or has only a part of an import. */
export async function readTransferState(
  query: (sql: string) => Promise<unknown[]>,
): Promise<{ isFrozen: boolean; isIncomplete: boolean }> {
  const [row] = (await query(stateSql)) as [{ isFrozen: boolean; isIncomplete: boolean }];
  return row;
}

/** @throws Error with a message for the operator: the program must not work on such a database */
export async function requireUsable(query: (sql: string) => Promise<unknown[]>): Promise<void> {
  const { isFrozen, isIncomplete } = await readTransferState(query);
  if (isIncomplete) throw new Error('This database has a part of an import. Run `npm run import` again until it is complete.');
  if (isFrozen) {
    throw new Error(
      'This database was exported, and another one has gone on in its place. To use it again, run `npm run export -- --undo`.',
    );
  }
}
