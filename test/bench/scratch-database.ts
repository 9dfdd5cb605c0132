import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.ts';

/** Creates a migrated database of its own on a server. */
export async function createScratchDatabase(serverUrl: string): Promise<{ url: string; remove(): Promise<void> }> {
  const name = `patchbay_bench_${randomUUID().slice(0, 8)}`;
  await runOn(serverUrl, async (session) => void (await session.query(`CREATE DATABASE ${name}`)));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await runOn(url.href, (session) =>
    migrate({
      execute: async (sql) => void (await session.query(sql)),
      query: async (sql, values) => (await session.query(sql, values)).rows,
    }),
  );
  return {
    url: url.href,
    remove: () =>
      runOn(serverUrl, async (session) => void (await session.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
  };
}

async function runOn(url: string, work: (session: pg.Client) => Promise<unknown>): Promise<void> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    await work(session);
  } finally {
    await session.end();
  }
}
