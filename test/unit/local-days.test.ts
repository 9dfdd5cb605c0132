import fc from 'fast-check';
import { listLastDays } from '../../src/core/local-days.ts';
import { toLocalTime } from '../../src/core/local-time.ts';

const hour = 60 * 60 * 1000;
// Half hours, changes at midnight and by half an hour, and an unknown zone.
const zones = [
  'UTC',
  'America/New_York',
  'Asia/Kathmandu',
  'Africa/Cairo',
  'America/Santiago',
  'Australia/Lord_Howe',
  'No/Where',
];

test('days follow each other without a gap, each holds only its own date, today’s is the last', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.date({ min: new Date('2025-01-01'), max: new Date('2028-01-01'), noInvalidDate: true }),
      (zone, now) => {
        const days = listLastDays(now, zone, 14);
        expect(days).toHaveLength(14);
        expect(days.at(-1)?.day).toBe(toLocalTime(now.getTime(), zone).day);
        expect(now >= (days.at(-1)?.from as Date) && now < (days.at(-1)?.to as Date)).toBe(true);
        days.forEach(({ day, from, to }, n) => {
          if (n > 0) expect(from).toEqual(days[n - 1]?.to);
          expect(toLocalTime(from.getTime(), zone).day).toBe(day);
          expect(toLocalTime(to.getTime() - 1, zone).day).toBe(day);
          expect(toLocalTime(to.getTime(), zone).day > day).toBe(true);
        });
      },
    ),
    { numRuns: 300 },
  );
});

test('a day on which clocks are changed has 23 or 25 hours', () => {
  const hours = (now: string, zone: string) =>
    listLastDays(new Date(now), zone, 2).map(({ from, to }) => (to.getTime() - from.getTime()) / hour);
  expect(hours('2026-11-02T12:00:00Z', 'America/New_York')).toEqual([25, 24]);
  expect(hours('2026-03-08T12:00:00Z', 'America/New_York')).toEqual([24, 23]);
});
