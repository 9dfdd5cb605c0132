import { findServerPrograms, startPostgresServer } from '../support/postgres-server.ts';

/** A store of a benchmark's own, so that its processor time is known. */
export interface OwnStore {
  url: string;
  pid: number;
  stop(): void | Promise<void>;
}

/** Starts a PostgreSQL server with the settings that it comes with: a commit is on the disk before it is acknowledged. */
export async function startOwnPostgres(): Promise<OwnStore> {
  const programs = findServerPrograms();
  if (programs === null) throw new Error('This machine lacks the programs of a PostgreSQL server.');
  const server = await startPostgresServer(programs);
  return { url: server.url, pid: server.getPid(), stop: () => server.stop() };
}
