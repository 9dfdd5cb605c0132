import { readServers } from '../../src/database/servers.ts';

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
  expect([single.count, single.url()]).toEqual([1, 'postgresql://user@db/name,with,commas']);
});
