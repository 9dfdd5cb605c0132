import { createSleeper } from '../../src/queue/sleeper.ts';
import { getPollDelayMs } from '../../src/queue/worker-loop.ts';
import { createTestClock } from '../support/test-clock.ts';

test.each([
  ['no group waits', { nextAt: null, roomMs: null }, 1_000],
  ['a group becomes claimable soon', { nextAt: 10_300, roomMs: null }, 300],
  ['a group becomes claimable later', { nextAt: 15_000, roomMs: null }, 1_000],
  ['a group has become claimable since', { nextAt: 9_000, roomMs: null }, 1],
  ['a slot may become free before', { nextAt: 10_900, roomMs: 400 }, 400],
  ['a slot may become free at once', { nextAt: null, roomMs: 1 }, 20],
])('the delay of the next poll when %s', (_, times, delayMs) => {
  expect(getPollDelayMs({ ...times, now: 10_000 })).toBe(delayMs);
});

test('a sleep ends after its time or when it is woken; a wake-up without a sleep has no effect on the next one', async () => {
  const clock = createTestClock();
  const sleeper = createSleeper(clock);
  const ended: string[] = [];
  const sleep = (name: string, ms: number) => sleeper.sleep(ms).then(() => ended.push(name));
  sleeper.wake();
  const sleeps = [sleep('short', 10), sleep('long', 1_000)];
  await clock.tick(9);
  expect(ended).toEqual([]);
  await clock.tick(1);
  expect(ended).toEqual(['short']);
  sleeper.wake();
  await Promise.all(sleeps);
  expect(ended).toEqual(['short', 'long']);
});
