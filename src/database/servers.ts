import { isUnavailable } from './errors.ts';

/** The servers of one database, of which one is the primary: a URL may name several hosts, as PostgreSQL's own programs take them. */
export interface Servers {
  readonly urls: readonly string[];
  /** Returns the URL of the server that is tried next, or was the primary last. */
  url(): string;
  /** Goes on to the next server, unless another caller has done so since. @param failed the URL of one that is away or a standby */
  skip(failed: string): void;
  /** Makes the server that was found to be the primary the current one. @returns whether another one was, which the listeners learn, too */
  use(primary: string): boolean;
  /** @param listener called when the primary is another server than before: connections to the old one are worth nothing any more */
  onMove(listener: () => void): void;
  /** Returns whether a server may be used: it is a primary, and no server that was seen before was promoted after it. */
  admit(state: ServerState): boolean;
}

/** The state of a server, as far as it decides which one is the primary. */
export interface ServerState {
  readonly isStandby: boolean;
  /** Grows with each promotion; 0 where the server does not show it. */
  readonly timeline: number;
  /** Identifies the data: a standby has its primary's, and `pg_upgrade` makes a new one. */
  readonly system: string;
}

/** Reads a URL such as `postgresql://user@db1:5432,db2:5432/name`. */
export function readServers(url: string): Servers {
  const { start, hosts, end } = splitUrl(url);
  const urls = hosts.split(',').map((host) => `${start}${host}${end}`);
  const listeners: (() => void)[] = [];
  let index = 0;
  /** The one that was found last; a caller may have skipped it since. */
  let primary: string | undefined;
  let newest = { system: '', timeline: 0 };
  const current = () => urls[index % urls.length] as string;
  return {
    urls,
    url: current,
    skip(failed) {
      if (failed === current()) index += 1;
    },
    use(next) {
      const hasMoved = next !== (primary ?? current());
      primary = next;
      index = Math.max(urls.indexOf(next), 0);
      if (hasMoved) for (const listener of listeners) listener();
      return hasMoved;
    },
    onMove: (listener) => void listeners.push(listener),
    admit({ isStandby, timeline, system }) {
      if (isStandby) return false;
      if (system === newest.system && timeline < newest.timeline) return false;
      newest = { system, timeline };
      return true;
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
class StandbyError extends Error {
  override readonly name = 'StandbyError';
  readonly code = '25006';

  constructor() {
    super('This server is a standby, or an old primary.');
  }
}

type Query = (sql: string) => Promise<{ rows: unknown[] }>;

const standbySql = 'SELECT pg_is_in_recovery() AS "isStandby"';

/** The name of a file of the write-ahead log begins with its timeline, from the moment of a promotion on. */
const stateSql = `
  SELECT pg_is_in_recovery() AS "isStandby", (SELECT system_identifier::text FROM pg_control_system()) AS system,
    CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline`;

/** Reads the state of a server. */
export async function readServerState(query: Query): Promise<ServerState> {
  try {
    return (await query(stateSql)).rows[0] as ServerState;
  } catch (error) {
    if (isUnavailable(error)) throw error;
    // Some managed databases do not show the positions of their log.
    const [row] = (await query(standbySql)).rows as [{ isStandby: boolean }];
    return { isStandby: row.isStandby, timeline: 0, system: '' };
  }
}

/** @throws StandbyError where the database has several servers, and this is not the primary */
export async function requirePrimary(servers: Servers, query: Query): Promise<void> {
  if (servers.urls.length > 1 && !servers.admit(await readServerState(query))) throw new StandbyError();
}
