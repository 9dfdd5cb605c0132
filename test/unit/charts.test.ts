import fc from 'fast-check';
import { plotHeight, toY } from '../../src/http/pages/charts/chart.ts';
import { renderLines } from '../../src/http/pages/charts/lines.ts';
import { renderSparkline } from '../../src/http/pages/charts/sparkline.ts';
import { renderStackedBars } from '../../src/http/pages/charts/stacked-bars.ts';
import { createCountAxis, createTimeAxis } from '../../src/http/pages/charts/ticks.ts';
import { formatDuration } from '../../src/http/pages/framework/durations.ts';
import { loadLanguages } from '../../src/http/pages/framework/texts.ts';

const text = loadLanguages('views/languages').text('en');
const frame = {
  id: 'c',
  title: 'A <title>',
  description: 'What it shows',
  axis: createCountAxis(200),
  axisLabel: String,
  labels: ['Nov 1', 'Nov 2', 'Nov 3'],
};

test('an axis begins at 0, has room for the highest value and few, equal steps of nice whole numbers', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (highest) => {
      const { ticks, max } = createCountAxis(highest);
      const step = ticks[1] as number;
      expect(ticks[0]).toBe(0);
      expect(ticks.at(-1)).toBe(max);
      expect(max).toBeGreaterThanOrEqual(highest);
      expect(max - highest).toBeLessThanOrEqual(Math.max(step, 1));
      expect(ticks.length).toBeLessThanOrEqual(5);
      expect(['1', '2', '5']).toContain(String(step).replace(/0+$/, ''));
      ticks.forEach((tick, n) => {
        expect(tick).toBe(n * step);
      });
    }),
  );
  expect(createCountAxis(0).ticks).toEqual([0, 1]);
  expect(createCountAxis(3).ticks).toEqual([0, 1, 2, 3]);
  expect(createCountAxis(142).ticks).toEqual([0, 50, 100, 150]);
});

test('an axis of time has steps that people count time in', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 30 * 86_400_000 }), (highest) => {
      const { ticks, max } = createTimeAxis(highest);
      expect(max).toBeGreaterThanOrEqual(highest);
      expect(ticks.length).toBeLessThanOrEqual(5);
      expect(ticks.length).toBeGreaterThan(1);
    }),
  );
  expect(createTimeAxis(61_000).ticks).toEqual([0, 30_000, 60_000, 90_000]);
  expect(createTimeAxis(6_700).ticks).toEqual([0, 2_000, 4_000, 6_000, 8_000]);
  expect(createTimeAxis(20 * 3_600_000).ticks.at(-1)).toBe(24 * 3_600_000);
});

test('higher values stand higher, from the bottom of the plot to its top', () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(1_000), (one, other) => {
      const axis = createCountAxis(Math.max(one, other));
      const difference = toY(axis, one) - toY(axis, other);
      expect(Math.sign(difference)).toBe(Math.sign(other - one) || 0);
    }),
  );
  const axis = createCountAxis(100);
  expect(toY(axis, 0) - toY(axis, 100)).toBe(plotHeight);
});

test('bars stand on each other, each as high as its value, and no bar is drawn for zero', () => {
  const svg = renderStackedBars(
    frame,
    [
      { kind: 'delivered', label: 'Delivered', values: [100, 0, 50] },
      { kind: 'failed', label: 'Failed', values: [20, 0, 40] },
    ],
    String,
  );
  const bars = [...svg.matchAll(/data-value="(\d+)" x="([\d.]+)%" width="([\d.]+)%" y="([\d.]+)" height="([\d.]+)"/g)].map(
    ([, ...numbers]) => numbers.map(Number) as [number, number, number, number, number],
  );
  expect(bars.map(([value]) => value)).toEqual([100, 20, 50, 40]);
  for (const [value, x, width, , height] of bars) {
    expect(height).toBeCloseTo((value / frame.axis.max) * plotHeight, 1);
    expect(x + width).toBeLessThan(100);
  }
  expect((bars[1]?.[3] as number) + (bars[1]?.[4] as number)).toBeCloseTo(bars[0]?.[3] as number, 1);
  expect(svg).toContain('url(#c-failed)');
});

test('a chart has a name and a description, escapes what it is given and styles nothing inline', () => {
  const drawn = [
    renderStackedBars(frame, [{ kind: 'read', label: '<b>', values: [1, 2, 3] }], String),
    renderLines(frame, [{ kind: 'square', label: '<i>', values: [1, null, 3] }], String),
    renderSparkline([{ sent: 3, failed: 1 }], '<u>'),
  ];
  for (const svg of drawn) {
    expect(svg).toContain('role="img"');
    expect(svg).not.toMatch(/style=|<b>|<i>|<u>|<title id="c-title">A <|NaN|undefined/);
  }
  expect(drawn[0]).toContain('aria-labelledby="c-title c-desc"');
  // Where there is no value there is a gap.
  expect(drawn[1]?.match(/class="mark"/g)).toHaveLength(2);
  expect(drawn[1]).not.toMatch(/<line x1="16/);
});

test('durations are shown in two units at most', () => {
  expect([340, 2_300, 59_960, 61_000, 95_400, 3_599_900, 3_660_000, 90_000_000].map((ms) => formatDuration(text, ms))).toEqual([
    '340 ms',
    '2.3 sec',
    '60 sec',
    '1 min 1 sec',
    '1 min 35 sec',
    '60 min',
    '1 hr 1 min',
    '1 day 1 hr',
  ]);
});
