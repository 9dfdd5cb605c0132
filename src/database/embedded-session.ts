import type { PGlite, Transaction } from '@electric-sql/pglite';
import { type RunStatement, recordSession } from './driver-statements.ts';
import type { SqlSession } from './migrate.ts';
import { override } from './override.ts';

/** Makes the one session of an embedded database run SQL as a session of a server does. */
export function toSqlSession(embedded: PGlite): SqlSession {
  return {
    execute: async (sql) => void (await embedded.exec(sql)),
    query: async (sql, values) => (await embedded.query<Record<string, unknown>>(sql, values)).rows,
  };
}

/** Runs statements on the session, or within a transaction of it. */
export function runOnEmbedded(session: PGlite | Transaction): RunStatement {
  return async (sql, values) => {
    const { rows, affectedRows = 0 } = await session.query(sql, values, { parsers });
    return { rows, count: affectedRows };
  };
}

/** Type ids of PostgreSQL whose values the driver would convert in another way than Prisma. */
const parsers = { 20: BigInt };

/** Returns the database with transactions that are recorded for {@link recordSession}. */
export function recordTransactions(embedded: PGlite): PGlite {
  return override(embedded, {
    transaction: (work) =>
      embedded.transaction((tx) => {
        const end = recordSession(runOnEmbedded(tx));
        return work(tx).finally(end);
      }),
  });
}
