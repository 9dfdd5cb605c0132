/** The servers of one database, of which one is the primary: a URL may name several hosts, as PostgreSQL's own programs take them. */
export interface Servers {
  readonly count: number;
  /** Returns the URL of the server that is tried next, or was the primary last. */
  url(): string;
  /** Goes on to the next server, unless another caller has done so since. @param failed the URL of one that is away or a standby */
  skip(failed: string): void;
}

const urlParts = /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^/?]+)(.*)$/i;

/** Reads a URL such as `postgresql://user@db1:5432,db2:5432/name`. */
export function readServers(url: string): Servers {
  const [, start = '', hosts = '', end = ''] = urlParts.exec(url) ?? [];
  const urls = hosts.includes(',') ? hosts.split(',').map((host) => `${start}${host}${end}`) : [url];
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
