import fc from 'fast-check';
import {
  allocateSlots,
  type ConcurrencyLimits,
  countReserved,
  type GroupLoad,
  getMaxRunning,
  trackConcurrency,
} from '../../src/queue/concurrency.ts';

const limitsArb: fc.Arbitrary<ConcurrencyLimits> = fc
  .tuple(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 10 }))
  .map(([total, parts]) => ({ total, perGroup: Math.ceil(total / parts) }));

const loadArb: fc.Arbitrary<GroupLoad> = fc.record({
  level: fc.integer({ min: 0, max: 2 }),
  isProven: fc.boolean(),
  window: fc.integer({ min: 1, max: 100 }),
  running: fc.integer({ min: 0, max: 120 }),
});

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const many = (count: number, load: Partial<GroupLoad>): GroupLoad[] =>
  Array.from({ length: count }, () => ({ level: 0, isProven: false, window: 10, running: 0, ...load }));

test('allocated slots never exceed the total, nor those of a group its own limit', () => {
  fc.assert(
    fc.property(
      limitsArb,
      fc.array(loadArb, { maxLength: 80 }),
      fc.array(loadArb, { maxLength: 80 }),
      (limits, running, more) => {
        const wanting = [...running.slice(0, 10), ...more.map((load) => ({ ...load, running: 0 }))];
        const quotas = allocateSlots(limits, running, wanting);
        const held = sum(running.map((load) => load.running));
        if (held <= getMaxRunning(limits)) expect(held + sum(quotas)).toBeLessThanOrEqual(getMaxRunning(limits));
        else expect(sum(quotas)).toBe(0);
        const quick = (of: GroupLoad) => of.level === 0;
        const quickHeld = sum(running.filter(quick).map((load) => load.running));
        const quickGiven = sum(quotas.filter((_, index) => quick(wanting[index] as GroupLoad)));
        if (quickGiven > 0) expect(quickHeld + quickGiven).toBeLessThanOrEqual(limits.total);
        for (const [index, quota] of quotas.entries()) {
          if (quota > 0) expect(quota + (wanting[index] as GroupLoad).running).toBeLessThanOrEqual(limits.perGroup);
        }
      },
    ),
  );
});

test('for any number of groups that hang or have not responded yet, one that has responded may start a job', () => {
  fc.assert(
    fc.property(
      limitsArb.filter(({ total }) => total > 1),
      fc.array(fc.record({ level: fc.integer({ min: 0, max: 2 }) }), { maxLength: 3_000 }),
      (limits, kinds) => {
        // Groups that slow down keep their slots, so the load builds up one start after the other.
        const running: GroupLoad[] = [];
        for (const { level } of kinds) {
          const group = { level, isProven: false, window: 10, running: 0 };
          const [quota = 0] = allocateSlots(limits, running, [group]);
          if (quota > 0) running.push({ ...group, running: quota });
          // A group that started as quick hangs a moment later.
          if (level === 0 && quota > 0) running.push({ ...(running.pop() as GroupLoad), level: 2 });
        }
        const held = sum(running.map((load) => load.running));
        expect(held).toBeLessThanOrEqual(getMaxRunning(limits) - countReserved(limits));
        expect(allocateSlots(limits, running, many(1, { isProven: true }))[0]).toBeGreaterThanOrEqual(1);
      },
    ),
    { numRuns: 50 },
  );
});

test('a group that is alone gets the maximum of one group', () => {
  const limits = { total: 500, perGroup: 100 };
  expect(allocateSlots(limits, [], many(1, { isProven: true, window: 100 }))).toEqual([100]);
  expect(allocateSlots(limits, [], many(1, { level: 1 }))).toEqual([100]);
  expect(allocateSlots(limits, [], many(1, { level: 2 }))).toEqual([100]);
});

test('without slow groups all slots are used, in equal shares', () => {
  const limits = { total: 500, perGroup: 100 };
  expect(allocateSlots(limits, [], many(5, { isProven: true, window: 100 }))).toEqual([100, 100, 100, 100, 100]);
  expect(allocateSlots(limits, [], many(20, { isProven: true, window: 100 }))).toEqual(Array(20).fill(25));
  expect(sum(allocateSlots(limits, [], many(700, { isProven: true, window: 100 })))).toBe(500);
});

test('groups that hang share the slots of their level: the more groups, the fewer slots each gets', () => {
  const limits = { total: 500, perGroup: 100 };
  expect(allocateSlots(limits, [], many(6, { level: 2 }))).toEqual(Array(6).fill(62));
  expect(sum(allocateSlots(limits, [], many(600, { level: 2 })))).toBe(375);
  expect(allocateSlots(limits, many(375, { level: 2, running: 1 }), many(2, { level: 1 }))).toEqual([63, 62]);
});

test('a group’s window grows with each quick response, drops when it slows down, and recovers when it responds again', () => {
  let now = 0;
  const limits = { total: 500, perGroup: 100 };
  const concurrency = trackConcurrency(limits, () => now);
  const quota = () => concurrency.quotas(['a'])[0] as number;
  const run = (ms: number) => {
    const end = concurrency.start('a');
    now += ms;
    end();
  };
  expect(quota()).toBe(10);
  for (let count = 0; count < 200; count++) run(5);
  expect(quota()).toBe(100);
  // It shares its level with others.
  const others = Array.from({ length: 9 }, (_, index) => concurrency.start(`slow ${index}`));
  now += 600;
  run(600);
  expect(quota()).toBe(50);
  run(5);
  expect(quota()).toBe(51);
  for (const end of others) end();
  for (let count = 0; count < 100; count++) run(5);
  expect(quota()).toBe(100);
});

test('a job that runs for long lowers its group while it runs, and frees slots for others', () => {
  let now = 0;
  const concurrency = trackConcurrency({ total: 20, perGroup: 4 }, () => now);
  const keys = Array.from({ length: 30 }, (_, index) => `group ${index}`);
  for (const [index, quota] of concurrency.quotas(keys).entries()) {
    for (let count = 0; count < quota; count++) concurrency.start(keys[index] as string);
  }
  expect(concurrency.quotas(['another'])).toEqual([0]);
  expect(concurrency.nextChangeMs()).toBe(500);
  now += 500;
  expect(concurrency.quotas(['another'])).toEqual([4]);
});

test('where slots are short, the group whose last turn is longest ago goes first', () => {
  let now = 0;
  const concurrency = trackConcurrency({ total: 1, perGroup: 1 }, () => now);
  const keys = ['a', 'b', 'c'];
  const hang = (key: string) => {
    const end = concurrency.start(key);
    now += 60_000;
    end();
  };
  for (const key of ['b', 'c', 'a']) hang(key);
  const turns = Array.from({ length: 6 }, () => {
    const key = keys[concurrency.quotas(keys).indexOf(1)] as string;
    hang(key);
    return key;
  });
  expect(turns.join('')).toBe('bcabca');
});

test('at most 10,000 groups are tracked, and one that runs is never evicted', () => {
  const concurrency = trackConcurrency({ total: 500, perGroup: 100 }, () => 0);
  concurrency.start('runs');
  for (let count = 0; count < 30_000; count++) concurrency.start(`group ${count}`)();
  expect(concurrency.size()).toBe(10_000);
  for (let count = 0; count < 9; count++) concurrency.start('runs');
  expect(concurrency.quotas(['runs'])).toEqual([0]);
});
