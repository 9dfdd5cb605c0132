import { createAdaptiveCache } from '../../src/runtime/adaptive-cache.ts';
import { testClock } from '../support/test-clock.ts';

test('what was quick is looked at anew, what was slow is given again for twenty times as long, and those who wait share it', async () => {
  const clock = testClock();
  let looks = 0;
  let tookMs = 0;
  const ask = createAdaptiveCache<number>(clock);
  const look = (key = 'a') =>
    ask(key, async () => {
      looks += 1;
      clock.jump(tookMs);
      return looks;
    });
  expect([await look(), await look()]).toEqual([1, 2]);
  tookMs = 100;
  expect(await Promise.all([look(), look()])).toEqual([3, 3]);
  clock.jump(1_999);
  expect(await look()).toBe(3);
  expect(await look('b')).toBe(4);
  clock.jump(1);
  expect(await look()).toBe(5);
});

test('a look that failed is nobody else’s answer', async () => {
  const ask = createAdaptiveCache<string>(testClock());
  await expect(ask('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await ask('a', async () => 'there')).toBe('there');
});
