import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { findServerPrograms } from './postgres-server.ts';

/** Backups by PostgreSQL's own programs, as an operator makes them. */
export interface Backups {
  dump(url: string): Buffer;
  /** Restores a dump on a new database of the same server. @returns its address, and its removal */
  restore(url: string, dump: Buffer): { url: string; remove(): void };
}

/** Returns null, and says so, where the programs are missing. */
export function findBackupPrograms(): Backups | null {
  const programs = findServerPrograms();
  if (programs === null) {
    console.warn('pg_dump is missing: a test with a restored dump is skipped.');
    return null;
  }
  const psql = (url: string, input: string | Buffer) =>
    execFileSync(join(programs, 'psql'), ['-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', url], { input });
  return {
    dump: (url) => execFileSync(join(programs, 'pg_dump'), ['-d', url], { maxBuffer: 2 ** 28 }),
    restore(url, dump) {
      const name = `${new URL(url).pathname.slice(1)}_restored`;
      const toUrl = (database: string) => Object.assign(new URL(url), { pathname: database }).href;
      psql(toUrl('postgres'), `CREATE DATABASE "${name}"`);
      psql(toUrl(name), dump);
      return { url: toUrl(name), remove: () => void psql(toUrl('postgres'), `DROP DATABASE "${name}" WITH (FORCE)`) };
    },
  };
}
