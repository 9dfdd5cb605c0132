import { parseRetryAfterMs } from '../../src/core/retry-after.ts';

test('a vendor’s wait is read as seconds or a date, and is a day at most', () => {
  const now = Date.parse('2026-03-01T10:00:00Z');
  expect(parseRetryAfterMs('7', now)).toBe(7_000);
  expect(parseRetryAfterMs('0.5', now)).toBe(500);
  expect(parseRetryAfterMs('Sun, 01 Mar 2026 10:00:09 GMT', now)).toBe(9_000);
  expect(parseRetryAfterMs('99999999', now)).toBe(24 * 60 * 60 * 1000);
  expect([parseRetryAfterMs('soon', now), parseRetryAfterMs(undefined, now)]).toEqual([undefined, undefined]);
});
