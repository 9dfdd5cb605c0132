import pg from 'pg';
import { createTestDatabase } from './databases.ts';

/** A database of a PostgreSQL server, and a session beside the program's that may do anything to it. */
export async function createAdministeredDatabase() {
  const { target, remove } = await createTestDatabase();
  const { url } = target as { url: string };
  const name = new URL(url).pathname.slice(1);
  const session = new pg.Client({ connectionString: url });
  // Dropping the database ends this session too.
  session.on('error', () => {});
  await session.connect();
  const removals: (() => Promise<unknown>)[] = [];

  return {
    url,
    name,
    query: (sql: string, values: unknown[] = []) => session.query(sql, values),

    /** Adds a role that may use everything in the database, over so many connections. @returns the database's address for it */
    async addRole(maxConnections: number): Promise<string> {
      const role = `${name}_role`;
      await session.query(`
        CREATE ROLE "${role}" LOGIN CONNECTION LIMIT ${maxConnections};
        GRANT ALL ON SCHEMA public TO "${role}";
        GRANT ALL ON ALL TABLES IN SCHEMA public TO "${role}";
        GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO "${role}"`);
      removals.push(() => session.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`));
      const address = new URL(url);
      address.username = role;
      return address.href;
    },

    /** Ends every session but this one, as a failover does, and lets new ones only read, or write again. */
    async failOver(to: 'read-only' | 'writable'): Promise<void> {
      await session.query(
        `ALTER DATABASE "${name}" ${to === 'read-only' ? 'SET default_transaction_read_only = on' : 'RESET ALL'}`,
      );
      if (to === 'writable') return;
      await session.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
    },

    async [Symbol.asyncDispose]() {
      for (const removal of removals) {
        await session.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
        );
        await removal();
      }
      await session.end();
      await remove();
    },
  };
}
