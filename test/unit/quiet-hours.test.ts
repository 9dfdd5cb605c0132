import fc from 'fast-check';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { findArea, listAreaCodes, unknownArea } from '../../src/core/area-codes.ts';
import { computeEaster, isFrenchHoliday } from '../../src/core/french-holidays.ts';
import { isTimeZone, toLocalTime } from '../../src/core/local-time.ts';
import { findQuietHoursEnd, listQuietHoursRules } from '../../src/core/quiet-hours.ts';

const at = (time: string) => Date.parse(time);
const endOf = (address: string, time: string) => {
  const end = findQuietHoursEnd(address, at(time));
  return end === null ? null : new Date(end).toISOString();
};

test.each([
  // New York, in winter and in summer.
  ['+12125550100', '2026-11-24T12:59:00Z', '2026-11-24T13:00:00.000Z'],
  ['+12125550100', '2026-11-24T13:00:00Z', null],
  ['+12125550100', '2026-11-25T01:59:59Z', null],
  ['+12125550100', '2026-11-25T02:00:00Z', '2026-11-25T13:00:00.000Z'],
  ['+12125550100', '2026-07-01T11:00:00Z', '2026-07-01T12:00:00.000Z'],
  // The night in which clocks go back, and forward.
  ['+12125550100', '2026-11-01T03:00:00Z', '2026-11-01T13:00:00.000Z'],
  ['+12125550100', '2026-03-08T03:00:00Z', '2026-03-08T12:00:00.000Z'],
  // Arizona has no summer time; Indiana's border and an unknown area wait for the last zone.
  ['+16025550100', '2026-07-01T14:00:00Z', '2026-07-01T15:00:00.000Z'],
  ['+12195550100', '2026-11-24T13:30:00Z', '2026-11-24T14:00:00.000Z'],
  ['+18005550100', '2026-11-24T13:30:00Z', '2026-11-24T18:00:00.000Z'],
  ['+18005550100', '2026-11-25T02:30:00Z', '2026-11-25T18:00:00.000Z'],
  // Canada: other hours at weekends.
  ['+14165550100', '2026-11-28T23:30:00Z', '2026-11-29T15:00:00.000Z'],
  ['+14165550100', '2026-11-30T02:00:00Z', '2026-11-30T14:00:00.000Z'],
  // France: Saturday evening to Monday; Christmas 2026 is a Friday; Easter Monday and Whit Monday.
  ['+33612345678', '2026-11-28T19:00:00Z', '2026-11-30T07:00:00.000Z'],
  ['+33612345678', '2026-12-24T19:00:00Z', '2026-12-26T07:00:00.000Z'],
  ['+33612345678', '2027-03-27T20:00:00Z', '2027-03-30T06:00:00.000Z'],
  // No preset.
  ['+4915112345678', '2026-11-24T02:00:00Z', null],
  ['maya@example.com', '2026-11-24T02:00:00Z', null],
  ['12345', '2026-11-24T02:00:00Z', null],
])('%s at %s: until %s', (address, time, end) => {
  expect(endOf(address, time)).toBe(end);
});

const address = fc.oneof(
  fc.constantFrom(...listAreaCodes(), '800', '999').map((code) => `+1${code}5550100`),
  fc.constantFrom('+33612345678', '+4915112345678'),
);
const quarter = 15 * 60_000;
const moment = fc
  .date({ min: new Date('2024-01-01'), max: new Date('2032-01-01'), noInvalidDate: true })
  .map((date) => Math.floor(date.getTime() / quarter) * quarter);

test('quiet hours end at the first quarter of an hour that is allowed, within four days, and it is day in every zone of the area', () => {
  fc.assert(
    fc.property(address, moment, (to, now) => {
      const end = findQuietHoursEnd(to, now);
      if (end === null) return;
      expect(end).toBeGreaterThan(now);
      expect(end - now).toBeLessThan(4 * 24 * 60 * 60_000);
      expect(findQuietHoursEnd(to, end)).toBeNull();
      for (let time = now; time < end; time += quarter) expect(findQuietHoursEnd(to, time)).toBe(end);
      if (!to.startsWith('+1')) return;
      for (const zone of (findArea(to.slice(2, 5)) ?? unknownArea).zones) {
        const { minutes } = toLocalTime(end, zone);
        expect(minutes).toBeGreaterThanOrEqual(8 * 60);
        expect(minutes).toBeLessThan(21 * 60 + 30);
      }
    }),
    { numRuns: 150 },
  );
});

test('every area code stands once, has zones that exist, and the country that the library of numbers knows', () => {
  const codes = listAreaCodes();
  expect(codes.every((code) => /^[2-9]\d\d$/.test(code))).toBe(true);
  expect(codes.length).toBeGreaterThan(400);
  const wrong = codes.flatMap((code) => {
    const area = findArea(code);
    const known = parsePhoneNumberFromString(`+1${code}2345678`)?.country;
    const isRight = known === undefined || known === area?.country;
    return isRight && area?.zones.every(isTimeZone) ? [] : [`${code}: ${area?.country}, not ${known}`];
  });
  expect(wrong).toEqual([]);
});

test('holidays are those of the calendar, and each preset names its source', () => {
  const easter = [2024, 2025, 2026, 2027, 2038].map((year) => new Date(computeEaster(year)).toISOString().slice(0, 10));
  expect(easter).toEqual(['2024-03-31', '2025-04-20', '2026-04-05', '2027-03-28', '2038-04-25']);
  const days = ['2026-04-06', '2026-05-14', '2026-05-25', '2026-07-14', '2026-04-05', '2026-11-12'];
  expect(days.map(isFrenchHoliday)).toEqual([true, true, true, true, false, false]);
  for (const { source, windows } of listQuietHoursRules()) {
    expect(source.length).toBeGreaterThan(10);
    expect(windows.length).toBeGreaterThan(0);
  }
});
