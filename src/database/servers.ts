/** The servers of one database, of which one is the primary: a URL may name several hosts, as PostgreSQL's own programs take them. */
export interface Servers {
  readonly count: number;
  /** Returns the URL of the server that is tried next, or was the primary last. */
  url(): string;
  /** Goes on to the next server, unless another caller has done so since. @param failed the URL of one that is away or a standby */
  skip(failed: string): void;
}

/** Reads a URL such as `postgresql://user@db1:5432,db2:5432/name`. */
export function readServers(url: string): Servers {
  const { start, hosts, end } = splitUrl(url);
  const urls = hosts.split(',').map((host) => `${start}${host}${end}`);
  let index = 0;
  const current = () => urls[index % urls.length] as string;
  return {
    count: urls.length,
    url: current,
    skip(failed) {
      if (failed === current()) index += 1;
    },
  };
}

/** Splits a URL around its hosts. No URL parser of JavaScript takes several. */
function splitUrl(url: string): { start: string; hosts: string; end: string } {
  const authorityAt = url.indexOf('//') + 2;
  const length = url.slice(authorityAt).search(/[/?]/);
  const endAt = length < 0 ? url.length : authorityAt + length;
  const hostsAt = Math.max(url.lastIndexOf('@', endAt - 1) + 1, authorityAt);
  return { start: url.slice(0, hostsAt), hosts: url.slice(hostsAt, endAt), end: url.slice(endAt) };
}

/** Fails as on a read-only server, so that it counts as temporary. */
export class StandbyError extends Error {
  override readonly name = 'StandbyError';
  readonly code = '25006';

  constructor() {
    super('This server is a standby.');
  }
}

/** @throws StandbyError where the database has several servers, and this is not the primary */
export async function requirePrimary(servers: Servers, query: (sql: string) => Promise<{ rows: unknown[] }>): Promise<void> {
  if (servers.count === 1) return;
  const { rows } = await query('SELECT pg_is_in_recovery() AS "isStandby"');
  if ((rows as { isStandby: boolean }[])[0]?.isStandby) throw new StandbyError();
}
