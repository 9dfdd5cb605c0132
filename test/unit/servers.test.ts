import { electPrimary } from '../../src/database/primary-watch.ts';
import { readServers, requirePrimary, type ServerState } from '../../src/database/servers.ts';

test('a URL with several hosts is one URL for each, with the same user, database and options', () => {
  const servers = readServers('postgresql://us%2Fer:p%40ss@db1:5433,db2,[::1]:5435/name?sslmode=require');
  const seen = Array.from({ length: 4 }, () => {
    const url = servers.url();
    servers.skip(url);
    return url;
  });
  expect(seen).toEqual([
    'postgresql://us%2Fer:p%40ss@db1:5433/name?sslmode=require',
    'postgresql://us%2Fer:p%40ss@db2/name?sslmode=require',
    'postgresql://us%2Fer:p%40ss@[::1]:5435/name?sslmode=require',
    'postgresql://us%2Fer:p%40ss@db1:5433/name?sslmode=require',
  ]);
});

test('a server that another caller has skipped already is not skipped twice, and a single one is tried again', () => {
  const servers = readServers('postgresql://db1,db2/name');
  const failed = servers.url();
  servers.skip(failed);
  servers.skip(failed);
  expect(servers.url()).toBe('postgresql://db2/name');
  const single = readServers('postgresql://user@db/name,with,commas');
  single.skip(single.url());
  expect([single.urls.length, single.url()]).toEqual([1, 'postgresql://user@db/name,with,commas']);
});

const [db1, db2] = ['postgresql://db1/name', 'postgresql://db2/name'];
const primary = (timeline: number, system = 'a'): ServerState => ({ isStandby: false, timeline, system });
const standby: ServerState = { isStandby: true, timeline: 0, system: 'a' };

test('of two primaries the one that was promoted last is used, and a server that does not respond is passed over', () => {
  const servers = readServers('postgresql://db1,db2/name');
  expect(electPrimary(servers, [primary(1), standby])).toBe(db1);
  expect(electPrimary(servers, [null, standby])).toBeNull();
  expect(electPrimary(servers, [null, primary(2)])).toBe(db2);
  expect(electPrimary(servers, [primary(1), primary(2)])).toBe(db2);
});

test('an old primary is not used while the new one is away, also by a connection that leads to it', async () => {
  const servers = readServers('postgresql://db1,db2/name');
  const connect = (state: ServerState) => requirePrimary(servers, async () => ({ rows: [state] }));
  await connect(primary(2));
  expect(electPrimary(servers, [primary(1), null])).toBeNull();
  await expect(connect(primary(1))).rejects.toThrow('old primary');
  // `pg_upgrade` begins anew with timeline 1, in other data.
  await connect(primary(1, 'upgraded'));
});

test('listeners learn of another primary once, and not of a server that was skipped meanwhile', () => {
  const servers = readServers('postgresql://db1,db2/name');
  let moves = 0;
  servers.onMove(() => (moves += 1));
  expect(servers.use(db1 as string)).toBe(false);
  servers.skip(servers.url());
  expect(servers.use(db1 as string)).toBe(false);
  expect([servers.use(db2 as string), servers.use(db2 as string), servers.url()]).toEqual([true, false, db2]);
  expect(moves).toBe(1);
});

test('where a server does not show its timeline, a standby is still known', async () => {
  const servers = readServers('postgresql://db1,db2/name');
  const query = async (sql: string) => {
    if (sql.includes('wal')) throw Object.assign(new Error('not supported'), { code: '0A000' });
    return { rows: [{ isStandby: false }] };
  };
  await requirePrimary(servers, query);
});
