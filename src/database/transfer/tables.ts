import type { SqlSession } from '../migrate.ts';

/** A table as an export writes it. */
export interface TransferTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns of its primary key, with their types. */
  readonly key: readonly { readonly name: string; readonly type: string }[];
}

/** Tables that are of this database alone: which migrations it has had, which processes work on it, and which one it is. */
const ownTables = ['_prisma_migrations', 'workers', 'database_identity', 'transfer_imports'];

const tablesSql = `
  SELECT c.relname::text AS name,
    (SELECT json_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)::text AS columns,
    (SELECT json_agg(json_build_object('name', a.attname::text, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY k.n)
      FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
      WHERE i.indrelid = c.oid AND i.indisprimary)::text AS key,
    (SELECT COALESCE(json_agg(DISTINCT t.relname::text), '[]') FROM pg_constraint f JOIN pg_class t ON t.oid = f.confrelid
      WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid)::text AS parents
  FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname`;

/** Lists the tables of the program, each after those that it refers to. */
export async function listTables(session: SqlSession): Promise<TransferTable[]> {
  const rows = (await session.query(tablesSql)) as Record<'name' | 'columns' | 'key' | 'parents', string>[];
  const waiting = rows
    .filter(({ name }) => !ownTables.includes(name))
    .map(({ name, columns, key, parents }) => ({
      table: { name, columns: JSON.parse(columns), key: JSON.parse(key) } as TransferTable,
      parents: JSON.parse(parents) as string[],
    }));
  const ordered: TransferTable[] = [];
  while (waiting.length > 0) {
    const next = waiting.findIndex(({ parents }) => parents.every((name) => ordered.some((table) => table.name === name)));
    if (next < 0) throw new Error('The tables refer to each other in a circle.');
    ordered.push(...waiting.splice(next, 1).map(({ table }) => table));
  }
  return ordered;
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
