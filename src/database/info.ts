import type { Database, Executor } from './client.ts';

/** Kind, version and size of the database. */
export interface DatabaseInfo {
  kind: 'postgres' | 'embedded';
  /** PostgreSQL's version. */
  version: string;
  bytes: number;
  /** Name of the last applied migration. */
  migration: string;
}

/** Reads the facts about the database that the admin pages show. */
export async function getDatabaseInfo({ client, isShared }: Database): Promise<DatabaseInfo> {
  const [row] = await client.$queryRaw<{ version: string; bytes: bigint; migration: string | null }[]>`
    SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes,
      (SELECT max(migration_name) FROM _prisma_migrations WHERE finished_at IS NOT NULL) AS migration`;
  return {
    kind: isShared ? 'postgres' : 'embedded',
    version: row?.version.split(' ')[0] ?? '',
    bytes: Number(row?.bytes ?? 0),
    migration: row?.migration ?? '',
  };
}

/** Returns whether the database takes writes: a replica, or a server in a failover, responds and rejects them. */
export async function isWritable(on: Executor): Promise<boolean> {
  const [row] = await on.$queryRaw<{ isReadOnly: boolean }[]>`
    SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "isReadOnly"`;
  return row?.isReadOnly === false;
}
