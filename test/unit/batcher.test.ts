import fc from 'fast-check';
import { createBatcher, createSizedBatcher } from '../../src/runtime/batcher.ts';

/** A store whose commits end on request. */
function heldStore(options: { atMost?: number; waitingAtMost?: number; isBad?: (item: number) => boolean } = {}) {
  const commits: number[][] = [];
  const releases: (() => void)[] = [];
  const fault = new Error('bad item');
  const write = createBatcher<number, string>({
    async run(items) {
      commits.push([...items]);
      await new Promise<void>((done) => releases.push(done));
      if (items.some((item) => options.isBad?.(item))) throw fault;
      return items.map((item) => `stored ${item}`);
    },
    isItemError: (error) => error === fault,
    maxBatchSize: options.atMost ?? 100,
    maxQueued: options.waitingAtMost ?? 1_000,
  });
  const turn = () => new Promise<void>((done) => setImmediate(done));
  return {
    write,
    commits,
    turn,
    async release() {
      releases.shift()?.();
      await turn();
    },
    async releaseAll() {
      for (await turn(); releases.length > 0; await turn()) releases.shift()?.();
    },
  };
}

test('items of one turn share a commit; items that arrive during a commit form the next one', async () => {
  const store = heldStore();
  const first = [store.write(1), store.write(2)];
  await store.turn();
  expect(store.commits).toEqual([[1, 2]]);
  const others = [store.write(3), store.write(4)];
  await store.turn();
  expect(store.commits).toEqual([[1, 2]]);
  await store.release();
  expect(await Promise.all(first)).toEqual(['stored 1', 'stored 2']);
  expect(store.commits).toEqual([
    [1, 2],
    [3, 4],
  ]);
  await store.release();
  expect(await Promise.all(others)).toEqual(['stored 3', 'stored 4']);
});

test('no item resolves before its own commit', async () => {
  const store = heldStore();
  let isAnswered = false;
  void store.write(1);
  await store.turn();
  void store.write(2).then(() => (isAnswered = true));
  await store.release();
  expect(isAnswered).toBe(false);
  await store.release();
  expect(isAnswered).toBe(true);
});

test('one bad item fails alone, with any neighbours', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 15 }),
      async (bad, atMost) => {
        const store = heldStore({ atMost, isBad: (item) => bad[item] === true });
        const results = Promise.allSettled(bad.map((_, item) => store.write(item)));
        await store.releaseAll();
        expect((await results).map(({ status }) => status)).toEqual(bad.map((isBad) => (isBad ? 'rejected' : 'fulfilled')));
      },
    ),
    { numRuns: 50 },
  );
});

test('an error that no item caused fails the batch once, and the next batch is tried', async () => {
  let isDown = true;
  let tries = 0;
  const write = createBatcher<number, number>({
    async run(items) {
      tries += 1;
      if (isDown) throw new Error('the database is down');
      return items;
    },
    isItemError: () => false,
    maxBatchSize: 10,
    maxQueued: 100,
  });
  const results = await Promise.allSettled([write(1), write(2), write(3)]);
  expect(results.every(({ status }) => status === 'rejected')).toBe(true);
  expect(tries).toBe(1);
  isDown = false;
  expect(await write(4)).toBe(4);
});

test('an item over the limit is rejected at once, with a delay to retry after, and delays no other item', async () => {
  const store = heldStore({ waitingAtMost: 2 });
  const taken = [store.write(1)];
  await store.turn();
  taken.push(store.write(2), store.write(3));
  await expect(store.write(4)).rejects.toMatchObject({ code: 'overloaded', status: 503, retryAfterMs: 1_000 });
  await store.releaseAll();
  expect(await Promise.all(taken)).toEqual(['stored 1', 'stored 2', 'stored 3']);
});

test('a batch, and all waiting items, stay within their memory, and a large item goes alone', async () => {
  const commits: number[][] = [];
  const write = createBatcher<number, number>({
    async run(items) {
      commits.push([...items]);
      return items;
    },
    maxBatchSize: 100,
    weight: { of: (item) => item, maxPerBatch: 10, maxQueued: 40 },
  });
  const taken = [4, 4, 4, 20, 3, 5].map(write);
  await expect(write(1)).rejects.toMatchObject({ code: 'overloaded' });
  expect(await Promise.all(taken)).toEqual([4, 4, 4, 20, 3, 5]);
  expect(commits).toEqual([[4, 4], [4], [20], [3, 5]]);
  expect(await write(40)).toBe(40);
});

test('a small item waits for no large one of another tenant, and follows those of its own', async () => {
  const commits: string[][] = [];
  const releases: (() => void)[] = [];
  const write = createSizedBatcher<string, string>(
    {
      async run(items) {
        commits.push([...items]);
        if (items.some((item) => item.length >= 10)) await new Promise<void>((done) => releases.push(done));
        return items;
      },
      maxBatchSize: 100,
      weight: { of: (item) => item.length, maxPerBatch: 100, maxQueued: 1_000 },
    },
    { minLargeWeight: 10, toTenant: ([tenant = '']) => tenant, maxPerTenant: 4 },
  );
  const large = write('a very large');
  expect(await write('b small')).toBe('b small');
  const own = write('a small');
  await write('b again');
  expect(commits).toEqual([['a very large'], ['b small'], ['b again']]);
  releases[0]?.();
  expect(await Promise.all([large, own])).toEqual(['a very large', 'a small']);
  expect(commits.at(-1)).toEqual(['a small']);
  expect(await write('a later')).toBe('a later');
});

describe('with a limit for each tenant', () => {
  function createHeldStore() {
    const commits: string[][] = [];
    const releases: (() => void)[] = [];
    const write = createBatcher<string, string>({
      async run(items) {
        commits.push([...items]);
        await new Promise<void>((done) => releases.push(done));
        return items;
      },
      maxBatchSize: 100,
      tenant: { of: ([tenant = '']) => tenant, maxPerBatch: 4 },
    });
    const turn = () => new Promise<void>((done) => setImmediate(done));
    const release = async () => {
      await turn();
      releases.shift()?.();
      await turn();
    };
    return { commits, write, release };
  }
  const createItems = (tenant: string, count: number) => Array.from({ length: count }, (_, index) => `${tenant}${index}`);

  test('an item that arrives behind twenty of another tenant is stored without waiting for all of them', async () => {
    const { commits, write, release } = createHeldStore();
    const all = createItems('a', 20).map(write);
    const other = write('b0');
    await release();
    expect(await other).toBe('b0');
    expect(commits).toEqual([
      ['a0', 'a1', 'a2', 'a3', 'b0'],
      ['a4', 'a5', 'a6', 'a7'],
    ]);
    for (let count = 0; count < 4; count++) await release();
    expect(await Promise.all(all)).toEqual(createItems('a', 20));
    expect(commits.flat().filter((item) => item !== 'b0')).toEqual(createItems('a', 20));
  });

  test('a tenant that is alone shares commits without a limit, and again some time after another’s last item', async () => {
    const { commits, write, release } = createHeldStore();
    const store = async (items: string[]) => {
      const before = commits.length;
      const stored = Promise.all(items.map(write));
      for (let isDone = false; !isDone; ) {
        await release();
        isDone = commits.flat().slice(-items.length).at(-1) === items.at(-1);
      }
      await release();
      await stored;
      return commits.length - before;
    };
    expect(await store(createItems('a', 20))).toBe(1);
    expect(await store(['b0'])).toBe(1);
    expect(await store(createItems('a', 20))).toBe(5);
    for (let count = 0; count < 1_000; count++) await store([`a${count}`]);
    expect(await store(createItems('a', 20))).toBe(1);
  });
});
