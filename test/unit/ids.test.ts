import { randomBytes } from 'node:crypto';
import { createIdGenerator } from '../../src/core/ids.ts';
import { createTestClock } from '../support/test-clock.ts';

test('ids sort in the order in which they were made, even if the clock stands still or steps back', async () => {
  const clock = createTestClock('2026-01-01T09:00:00Z');
  const newId = createIdGenerator(clock, randomBytes);
  const ids: string[] = [];
  for (const step of [0, 5, -3_000, 0, 60_000]) {
    clock.jump(step);
    for (let count = 0; count < 2_000; count++) ids.push(newId());
  }
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});
