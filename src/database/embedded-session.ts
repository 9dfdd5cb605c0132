import type { PGlite } from '@electric-sql/pglite';
import type { SqlSession } from './migrate.ts';

/** Makes the one session of an embedded database run SQL as a session of a server does. */
export function toSqlSession(embedded: PGlite): SqlSession {
  return {
    execute: async (sql) => void (await embedded.exec(sql)),
    query: async (sql, values) => (await embedded.query<Record<string, unknown>>(sql, values)).rows,
  };
}
