import fc from 'fast-check';
import { findNextDayStart, getDayRange, listLastDays } from '../../src/core/local-days.ts';
import { type DailyWindow, findNextOpening, toLocalTime } from '../../src/core/local-time.ts';

const at = (time: string) => new Date(time).getTime();
const all = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const hours = (from: string, to: string, days: DailyWindow['days'] = all): DailyWindow => ({ from, to, days });
const opening = (window: DailyWindow, time: string, zone: string) => {
  const opens = findNextOpening(window, at(time), zone);
  return opens && new Date(opens).toISOString();
};

test('where clocks go forward at midnight the next day begins at one, and is a day like others', () => {
  expect(new Date(findNextDayStart(at('2026-09-06T03:30:00Z'), 'America/Santiago')).toISOString()).toBe(
    '2026-09-06T04:00:00.000Z',
  );
  expect(getDayRange('2026-09-06', 'America/Santiago')).toEqual({
    since: new Date('2026-09-06T04:00:00Z'),
    until: new Date('2026-09-07T03:00:00Z'),
  });
});

test('a window whose beginning the change of clocks skips opens when clocks resume', () => {
  expect(opening(hours('02:30', '17:00'), '2026-03-08T06:30:00Z', 'America/New_York')).toBe('2026-03-08T07:00:00.000Z');
  expect(opening(hours('00:00', '12:00'), '2026-09-06T03:00:00Z', 'America/Santiago')).toBe('2026-09-06T04:00:00.000Z');
});

test('a window over midnight belongs to the day by its name, with any change of clocks on it', () => {
  const monday = '2026-03-09T04:30:00Z';
  expect(opening(hours('22:00', '02:00', ['sun']), monday, 'America/New_York')).toBeNull();
  expect(opening(hours('22:00', '02:00', ['sat']), monday, 'America/New_York')).toBe('2026-03-15T02:00:00.000Z');
});

const zones = ['UTC', 'America/New_York', 'America/Santiago', 'Africa/Cairo', 'Asia/Kathmandu', 'Australia/Lord_Howe'];
const moment = fc.date({ min: new Date('2025-01-01'), max: new Date('2028-01-01'), noInvalidDate: true });

test('the next day is ahead, has another date, and each moment before it has this date', () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), moment, (zone, now) => {
      const next = findNextDayStart(now.getTime(), zone);
      expect(next).toBeGreaterThan(now.getTime());
      expect(new Date(next)).toEqual(listLastDays(now, zone, 1)[0]?.to);
      expect(toLocalTime(next - 1, zone).day).toBe(toLocalTime(now.getTime(), zone).day);
    }),
  );
});

test('a window opens in the future, is open then, and was closed at every quarter of an hour before', () => {
  const minute = fc.integer({ min: 0, max: 95 }).map((n) => {
    const [hour, quarter] = [Math.floor(n / 4), (n % 4) * 15];
    return `${String(hour).padStart(2, '0')}:${String(quarter).padStart(2, '0')}`;
  });
  const days = fc.subarray([...all], { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom(...zones), moment, minute, minute, days, (zone, now, from, to, weekdays) => {
      fc.pre(from !== to);
      const window = hours(from, to, weekdays);
      const opens = findNextOpening(window, now.getTime(), zone);
      if (opens === null) return;
      expect(opens).toBeGreaterThan(now.getTime());
      const quarter = 15 * 60_000;
      for (let time = Math.ceil(now.getTime() / quarter) * quarter; time < opens; time += quarter) {
        expect(findNextOpening(window, time, zone)).not.toBeNull();
      }
      expect(findNextOpening(window, opens, zone)).toBeNull();
    }),
    { numRuns: 200 },
  );
});
