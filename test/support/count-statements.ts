import pg from 'pg';
import type { DatabaseTarget } from '../../src/database/client.ts';

/** Counts the statements that this process sends to a database. */
export function countStatements(target: DatabaseTarget) {
  const session = (target.kind === 'opened' ? target.embedded : pg.Client.prototype) as { query(...args: unknown[]): unknown };
  const { query } = session;
  let count = 0;
  session.query = function (...args) {
    count += 1;
    return query.apply(this, args);
  };
  return {
    count: () => count,
    [Symbol.dispose]() {
      session.query = query;
    },
  };
}
