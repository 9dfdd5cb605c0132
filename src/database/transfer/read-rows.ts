import { createHash } from 'node:crypto';
import type { SqlSession } from '../migrate.ts';
import { quote, type TransferTable } from './tables.ts';

const rowsPerPage = 1_000;

/**
 * Reads all rows of a table, each as one line of JSON, a page at a time in the order of its primary key. The same row is the same line in every
 * database: the session must have been prepared by `prepareSession`.
 */
export async function* readRows(session: SqlSession, table: TransferTable): AsyncGenerator<string[]> {
  const columns = table.columns.map(quote).join(', ');
  const keys = table.key.map(({ name }) => quote(name)).join(', ');
  const position = table.key.map(({ type }, index) => `$${index + 1}::text::${type}`).join(', ');
  const read = (condition: string) => `
    SELECT row_to_json(r)::text AS line, ${table.key.map(({ name }, index) => `r.${quote(name)}::text AS "key_${index}"`).join(', ')}
    FROM (SELECT ${columns} FROM ${quote(table.name)} ${condition} ORDER BY ${keys} LIMIT ${rowsPerPage}) AS r`;
  const [first, further] = [read(''), read(`WHERE (${keys}) > (${position})`)];
  for (let last: unknown[] | null = null; ; ) {
    const rows = (await (last ? session.query(further, last) : session.query(first))) as Record<string, string>[];
    if (rows.length > 0) yield rows.map(({ line }) => line as string);
    if (rows.length < rowsPerPage) return;
    last = table.key.map((_column, index) => rows.at(-1)?.[`key_${index}`]);
  }
}

/** Makes a session write times and numbers in one form. */
export async function prepareSession(session: SqlSession): Promise<void> {
  await session.execute(
    `SET TIME ZONE 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1`,
  );
}

/** The number of rows, and a hash of them that does not depend on their order: databases sort text by different rules. */
export interface Digest {
  readonly count: number;
  readonly sha256: string;
}

/** Creates a digest to which rows are added one after another. Two rows are never alike, as each has its key. */
export function createDigest() {
  let count = 0;
  const sum = Buffer.alloc(32);
  return {
    add(line: string): void {
      count += 1;
      const hash = createHash('sha256').update(line).digest();
      for (let index = 0; index < sum.length; index++) sum[index] = (sum[index] as number) ^ (hash[index] as number);
    },
    read: (): Digest => ({ count, sha256: sum.toString('hex') }),
  };
}

/** Reads a table for its digest alone. */
export async function digestTable(session: SqlSession, table: TransferTable): Promise<Digest> {
  const digest = createDigest();
  for await (const lines of readRows(session, table)) lines.forEach(digest.add);
  return digest.read();
}
