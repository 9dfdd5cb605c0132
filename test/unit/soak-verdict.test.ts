import { type Sample, verdictOf } from '../soak/verdict.ts';

const samplesOf = (mib: (second: number) => number): Sample[] =>
  Array.from({ length: 120 }, (_, index) => ({
    atSeconds: 5 * index,
    residentMib: mib(5 * index),
    jobs: index % 3,
    reported: 0,
  }));

test('memory that goes up and down is no growth; a leak is, and so is a peak beyond what was promised', () => {
  expect(
    verdictOf(
      samplesOf((second) => 180 + 10 * Math.sin(second)),
      210,
    ).wrong,
  ).toEqual([]);
  expect(
    verdictOf(
      samplesOf((second) => 150 + second / 30),
      200,
    ).wrong,
  ).toHaveLength(2);
  expect(
    verdictOf(
      samplesOf(() => 200),
      260,
    ).wrong,
  ).toHaveLength(1);
});
