import fc from 'fast-check';
import { isMissing, mergeMissingChannels } from '../../src/alerts/rules/channel-disconnected.ts';
import { isFailing } from '../../src/alerts/rules/channel-failing.ts';
import { isUnusuallySilent } from '../../src/alerts/rules/location-silent.ts';
import { toLatencyFindings } from '../../src/alerts/rules/queue-latency.ts';
import { isQuotaLow } from '../../src/alerts/rules/quota-low.ts';
import { isBurst } from '../../src/alerts/rules/signatures-invalid.ts';
import { createIdGenerator, minIdAt, systemRandom } from '../../src/core/ids.ts';

const run = (good: number, bad: number) => [...Array(good).fill(false), ...Array(bad).fill(true)];

describe('channel failing', () => {
  test.each([
    ['nine bad ones prove nothing', run(0, 9), false, false],
    ['ten bad ones do', run(0, 10), false, true],
    ['half is not more than half', [true, ...run(4, 4), false], false, false],
    ['between half of the rate and the rate it stays as it was', [true, ...run(6, 3)], true, true],
    ['and does not begin', [true, ...run(6, 3)], false, false],
    ['at half of the rate it ends', [true, ...run(8, 1), ...run(2, 0)], true, false],
    ['five good ones in a row end it, whatever was before', run(5, 45), true, false],
    ['four do not', run(4, 6), true, true],
    ['without an attempt it stays', [], true, true],
  ])('%s', (_name, failed, isOpen, expected) => {
    expect(isFailing({ failed, isChanged: false }, isOpen, 0.5)).toBe(expected);
  });

  test('a channel that was changed is judged anew', () => {
    expect(isFailing({ failed: [], isChanged: true }, true, 0.5)).toBe(false);
    expect(isFailing({ failed: run(0, 10), isChanged: true }, true, 0.5)).toBe(true);
  });

  test('what begins does not end by the same evidence, and without a failure nothing begins', () => {
    const rate = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 50 }), rate, (failed, limit) => {
        const begins = isFailing({ failed, isChanged: false }, false, limit);
        if (begins) expect(isFailing({ failed, isChanged: false }, true, limit)).toBe(true);
        if (!failed.includes(true)) expect(begins).toBe(false);
      }),
    );
  });
});

describe('location silent', () => {
  const daily = [1, 2, 3, 4, 5, 6, 7, 8];

  test.each([
    ['quiet since yesterday is nothing', daily, 30, 9, false],
    ['one whole quiet day of one who sends daily is unusual', daily, 30, 10, true],
    ['a week’s end is not, for one who rests then', [1, 2, 3, 4, 5, 8, 9, 10, 11, 12], 30, 15, false],
    ['the Monday after it is', [1, 2, 3, 4, 5, 8, 9, 10, 11, 12], 30, 16, true],
    ['six days are no habit', [1, 2, 3, 4, 5, 6], 30, 10, false],
    ['nineteen messages are none either', daily, 19, 10, false],
    ['nothing is nothing', [], 0, 10, false],
  ])('%s', (_name, days, messages, today, expected) => {
    expect(isUnusuallySilent({ days, messages, today })).toBe(expected);
  });

  test('once unusual, another quiet day is too, and a gap as long as an earlier one never is', () => {
    const habits = fc.record({
      days: fc.uniqueArray(fc.integer({ min: 0, max: 13 }), { minLength: 1 }).map((days) => days.sort((a, b) => a - b)),
      messages: fc.integer({ min: 0, max: 300 }),
      quiet: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(habits, ({ days, messages, quiet }) => {
        const today = (days.at(-1) as number) + quiet;
        const longest = Math.max(0, ...days.slice(1).map((day, n) => day - (days[n] as number) - 1));
        const unusual = isUnusuallySilent({ days, messages, today });
        if (unusual) expect(isUnusuallySilent({ days, messages, today: today + 1 })).toBe(true);
        if (quiet - 1 <= longest) expect(unusual).toBe(false);
      }),
    );
  });
});

test('a place is missed when its channel was disconnected, or at least three messages failed for it', () => {
  const createRef = (locationId: string) => ({ locationId, providerKey: 'sms' });
  const missed = mergeMissingChannels(
    [createRef('a'), createRef('b'), createRef('a')],
    [
      { ...createRef('b'), failures: 1 },
      { ...createRef('c'), failures: 2 },
      { ...createRef('d'), failures: 3 },
    ],
  );
  expect(missed).toEqual([
    { ...createRef('a'), isDisconnected: true, failures: 0 },
    { ...createRef('b'), isDisconnected: true, failures: 1 },
    { ...createRef('c'), isDisconnected: false, failures: 2 },
    { ...createRef('d'), isDisconnected: false, failures: 3 },
  ]);
  expect(missed.filter(isMissing).map(({ locationId }) => locationId)).toEqual(['a', 'b', 'd']);
});

test('limits end later than they begin', () => {
  fc.assert(
    fc.property(fc.nat(30_000), fc.integer({ min: 1, max: 20_000 }), (value, limit) => {
      const low = (isOpen: boolean) => isQuotaLow({ remaining: value, isExhausted: false }, isOpen, limit);
      const burst = (isOpen: boolean) => isBurst(value, isOpen, limit);
      const groups = [{ queue: 'highlevel' as const, groupKey: 'x', ageSeconds: value }];
      const old = (isOpen: boolean) => toLatencyFindings(groups, () => isOpen, limit).length > 0;
      expect([low(false), burst(false), old(false)]).toEqual([value < limit, value > limit, value > limit]);
      for (const judge of [low, burst, old]) if (judge(false)) expect(judge(true)).toBe(true);
    }),
  );
  expect(isQuotaLow({ remaining: null, isExhausted: false }, true, 10)).toBe(false);
  expect(isQuotaLow({ remaining: 199_000, isExhausted: true }, false, 10)).toBe(true);
});

test('the first id of a moment sorts before every id made then, and after every id made before', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 47 }), (ms) => {
      const idAt = (now: number) => createIdGenerator({ now: () => now } as never, systemRandom)();
      expect(minIdAt(new Date(ms)) < idAt(ms)).toBe(true);
      expect(minIdAt(new Date(ms)) > idAt(ms - 1)).toBe(true);
    }),
  );
});
