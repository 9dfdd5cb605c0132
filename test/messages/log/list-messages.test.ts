import { getDayRange } from '../../../src/core/local-days.ts';
import { type Executor, Prisma } from '../../../src/database/client.ts';
import { listMessages } from '../../../src/messages/log/list-messages.ts';
import { countReasonsSql, type LogQuery, selectBoundarySql, selectIdsSql } from '../../../src/messages/log/search-sql.ts';
import { countFailed, listFailedIds } from '../../../src/messages/recovery/dead-letters.ts';
import { countDeadLetters } from '../../../src/messages/stats/totals.ts';
import { addMessages } from '../../support/many-messages.ts';
import { startWorld, type World } from '../../support/world.ts';

/** Returns the numbers of the messages found, page by page, until the end. */
async function foundBy(world: World, ids: readonly string[], scope: string[] | 'all', query: Omit<LogQuery, 'limit'>) {
  const numbers: number[] = [];
  let pages = 0;
  for (let before = query.before; pages < 60; pages++) {
    const page = await listMessages(world.services.db, scope, { ...query, before, limit: 50 });
    numbers.push(...page.items.map(({ id }) => ids.indexOf(id)));
    if (!page.older) break;
    before = page.older;
  }
  return numbers;
}

test('messages are found by state, direction, channel, reason, day, words, ids and addresses, and by all of them together', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const failed = { state: 'failed' as const, reasonCode: 'no_channel', reason: 'No channel.' };
  const ids = await addMessages(world, location, 3_000, (index) => ({
    ...(index % 1_000 === 7 ? failed : {}),
    ...(index === 17 ? { ...failed, reasonCode: '21610' } : {}),
    ...(index === 9 ? { state: 'pending' as const, heldForReviewAt: new Date() } : {}),
    ...(index === 2_999 ? { text: '100% zebra_crossing', providerKey: 'whatsapp' } : {}),
  }));
  const contact = { locationId: location.id, contactId: 'contact899', updatedAt: new Date() };
  await world.db.contactAddress.createMany({
    data: ['+12025550999', '+5511987654321'].map((address) => ({ ...contact, address })),
  });
  const find = (query: Omit<LogQuery, 'limit'>) => foundBy(world, ids, [location.id], query);
  expect(await find({ status: 'failed' })).toEqual([7, 17, 1_007, 2_007]);
  expect(await find({ status: 'failed', reason: 'no_channel' })).toEqual([7, 1_007, 2_007]);
  expect(await find({ status: 'unknown' })).toEqual([9]);
  expect(await find({ status: 'pending' })).toEqual([]);
  expect(await find({ status: 'given_up', direction: 'inbound' })).toEqual([9]);
  expect(await find({ providerKey: 'whatsapp' })).toEqual([2_999]);
  expect(await find({ q: 'ZEBRA_' })).toEqual([2_999]);
  expect(await find({ q: '0% z' })).toEqual([2_999]);
  expect(await find({ q: 'no such % words' })).toEqual([]);
  expect(await find({ q: ids[1_500] })).toEqual([1_500]);
  expect(await find({ q: `hl${location.id}42` })).toEqual([42]);
  expect(await find({ q: 'ext-43' })).toEqual([43]);
  expect(await find({ q: 'contact5' })).toEqual([5, 905, 1_805, 2_705]);
  expect(await find({ q: '+1 (202) 555-0999' })).toEqual([899, 1_799, 2_699]);
  // Another spelling of the number.
  expect(await find({ q: '+55 11 8765-4321' })).toEqual([899, 1_799, 2_699]);
  expect(await find({ q: '(202) 555 0107' })).toEqual([7, 907, 1_807, 2_707]);
  expect(await find({ q: 'contact7', status: 'failed' })).toEqual([7]);

  const zone = 'America/Mexico_City';
  const newest = new Date(world.clock.now()).toLocaleDateString('sv', { timeZone: zone });
  const day = getDayRange(newest, zone);
  const today = await find({ ...day });
  expect(today[0]).toBe(0);
  expect(today.length).toBe(Math.floor((world.clock.now() - day.since.getTime()) / 60_000) + 1);
});

test('pages lead to older and to newer messages without a gap, among one location’s, several’s and all', async () => {
  await using world = await startWorld({ isIdle: true });
  const locations = await Promise.all([0, 1, 2].map(() => world.install()));
  const [one, other, foreign] = locations as [(typeof locations)[0], (typeof locations)[0], (typeof locations)[0]];
  const own = [...(await addMessages(world, one, 70)), ...(await addMessages(world, other, 90))].sort().reverse();
  const all = [...own, ...(await addMessages(world, foreign, 10))].sort().reverse();
  for (const [scope, expected] of [[[one.id, other.id], own] as const, ['all', all] as const]) {
    const list = (query: Partial<LogQuery>) => listMessages(world.services.db, scope, { limit: 50, ...query });
    const first = await list({});
    const second = await list({ before: first.older ?? '' });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(expected.slice(0, 100));
    expect(first.newer).toBeNull();
    const back = await list({ after: second.newer ?? '' });
    expect(back.items.map(({ id }) => id)).toEqual(expected.slice(0, 50));
    expect(back.newer).toBeNull();
    const further = await list({ before: expected[119] ?? '' });
    expect((await list({ after: further.newer ?? '', limit: 20 })).items.map(({ id }) => id)).toEqual(expected.slice(100, 120));
  }
  expect((await listMessages(world.services.db, [], { limit: 50 })).items).toEqual([]);
});

test('old messages are found by searching further, in any number of locations, and no message between is left out', async () => {
  await using world = await startWorld({ isIdle: true });
  const locations = await Promise.all([0, 1].map(() => world.install()));
  // One location has many messages, the other few: the boundary must not skip the quiet one.
  const [busy, quiet] = locations as [(typeof locations)[0], (typeof locations)[0]];
  const isWanted = (index: number) => ({ text: [3, 400].includes(index) ? 'a needle' : 'hay' });
  const ids = await addMessages(world, busy, 450, isWanted);
  const others = await addMessages(world, quiet, 5, (index) => ({ text: index === 4 ? 'a needle' : 'hay' }));
  const all = [...ids, ...others];
  // Among a hundred locations each is searched 200 messages at a time.
  const scope = [busy.id, quiet.id, ...Array.from({ length: 98 }, (_, index) => `silent${index}`)];
  const first = await listMessages(world.services.db, scope, { q: 'needle', limit: 50 });
  expect(first.items.map(({ id }) => all.indexOf(id))).toEqual([3, 454]);
  expect(first.searchedUntil).toBe(ids[199]);
  expect(await foundBy(world, all, scope, { q: 'needle' })).toEqual([3, 454, 400]);
});

test('among several locations a search reads no more of each, and no more of all together, than its limits', async () => {
  await using world = await startWorld({ isIdle: true });
  const locations = await Promise.all([0, 1].map(() => world.install()));
  const lists: string[][] = [];
  for (const [index, place] of locations.entries()) lists.push(await addMessages(world, place, [200, 60][index] ?? 0));
  const scope = locations.map(({ id }) => id);
  const boundary = async (limits: { each: number; total: number }, query: Partial<LogQuery> = {}) =>
    (await world.db.$queryRaw<{ id: string }[]>(selectBoundarySql(scope, { limit: 50, ...query }, limits)))[0]?.id;
  const newest = (each: number) =>
    lists
      .flatMap((ids) => ids.slice(0, each))
      .sort()
      .reverse();
  const furthest = (ids: (string | undefined)[]) => ids.filter(Boolean).sort().at(-1);
  for (const limits of [
    { each: 30, total: 100 },
    { each: 50, total: 40 },
    { each: 100, total: 1_000 },
  ]) {
    const kth = lists.map((ids) => ids[limits.each - 1]);
    expect(await boundary(limits)).toBe(furthest([...kth, newest(limits.each)[limits.total - 1]]));
  }
  expect(await boundary({ each: 500, total: 500 })).toBeUndefined();
  const [oldest = ''] = newest(200).slice(-1);
  expect(await boundary({ each: 30, total: 30 }, { after: oldest })).toBe(lists[0]?.at(-31));
});

test('with ten thousand messages every page is found by an index, and no search reads all of them', async () => {
  await using world = await startWorld({ isIdle: true });
  // While so many are added, the event loop stands still for longer than an idle connection is kept.
  const [location, other] = [await world.install(), await world.install()];
  await addMessages(world, location, 10_000, (index) =>
    index % 50 === 0 ? { state: 'failed', reasonCode: 'no_channel' } : {},
  );
  await addMessages(world, other, 2_000);
  await world.db.$executeRawUnsafe('ANALYZE messages');
  const explain = async (statement: Prisma.Sql) =>
    (await world.db.$queryRaw<{ 'QUERY PLAN': string }[]>(Prisma.sql`EXPLAIN ${statement}`))
      .map((row) => row['QUERY PLAN'])
      .join('\n');
  const own = [location.id];
  const [boundary = null] = (await listMessages(world.services.db, own, { limit: 1 })).items.map(({ id }) => id);
  const queries: Omit<LogQuery, 'limit'>[] = [{}, { q: 'zebra' }, { status: 'delivered', direction: 'inbound' }];
  for (const query of queries) {
    expect(await explain(selectIdsSql(own, { ...query, limit: 50 }, boundary, null))).toMatch(
      / messages_(pkey|location_id_id_idx)/,
    );
    expect(await explain(selectBoundarySql(own, { ...query, limit: 50 }, { each: 1_000, total: 1_000 }))).toMatch(
      / messages_location_id_id_idx/,
    );
  }
  const deadLetters = selectIdsSql(own, { status: 'failed', limit: 50 }, null, null);
  for (const statement of [deadLetters, countReasonsSql(location.id, 10_000)]) {
    expect(await explain(statement)).toMatch(/messages_dead_letters/);
  }
  expect(await explain(selectIdsSql('all', { limit: 50 }, null, null))).toMatch(/messages_pkey/);
  expect(await explain(selectIdsSql('all', { status: 'failed', limit: 50 }, null, null))).toMatch(/messages_all_dead_letters/);

  /** Explains the statement that a function runs. */
  const explainRun = async (run: (on: Executor) => Promise<unknown>) => {
    const statements: Prisma.Sql[] = [];
    const $queryRaw = async (strings: TemplateStringsArray, ...values: unknown[]) => {
      statements.push(Prisma.sql(strings, ...values));
      return [{ id: location.id, count: 0 }];
    };
    await run({ $queryRaw } as unknown as Executor);
    return explain(statements[0] as Prisma.Sql);
  };
  const since = new Date(world.clock.now() - 60_000);
  expect(await explainRun((on) => countFailed(on, location.id, {}))).toMatch(/messages_dead_letters/);
  expect(await explainRun((on) => listFailedIds(on, location.id, { since }, { after: null, limit: 200 }))).toMatch(
    /messages_dead_letters/,
  );
  expect(await explainRun((on) => countDeadLetters(on, since, { take: 50, skip: 0 }))).toMatch(/messages_all_dead_letters/);
});
