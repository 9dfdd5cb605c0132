import { createAdaptiveCache } from '../../src/runtime/adaptive-cache.ts';
import { createTestClock } from '../support/test-clock.ts';

test('a result is cached for twenty times as long as it took to compute, and concurrent callers share a computation', async () => {
  const clock = createTestClock();
  let computations = 0;
  let tookMs = 0;
  const ask = createAdaptiveCache<number>(clock);
  const compute = (key = 'a') =>
    ask(key, async () => {
      computations += 1;
      clock.jump(tookMs);
      return computations;
    });
  expect([await compute(), await compute()]).toEqual([1, 2]);
  tookMs = 100;
  expect(await Promise.all([compute(), compute()])).toEqual([3, 3]);
  clock.jump(1_999);
  expect(await compute()).toBe(3);
  expect(await compute('b')).toBe(4);
  clock.jump(1);
  expect(await compute()).toBe(5);
});

test('a failed computation reaches only the callers that waited for it', async () => {
  const ask = createAdaptiveCache<string>(createTestClock());
  await expect(ask('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await ask('a', async () => 'there')).toBe('there');
});
