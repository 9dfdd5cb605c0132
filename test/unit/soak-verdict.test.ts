import { judgeSoak, type Sample } from '../soak/verdict.ts';

const createSamples = (mib: (second: number) => number): Sample[] =>
  Array.from({ length: 120 }, (_, index) => ({
    atSeconds: 5 * index,
    residentMib: mib(5 * index),
    jobs: index % 3,
    reported: 0,
  }));

test('memory that goes up and down passes; a leak and a peak beyond the limit do not', () => {
  expect(
    judgeSoak(
      createSamples((second) => 180 + 10 * Math.sin(second)),
      210,
    ).problems,
  ).toEqual([]);
  expect(
    judgeSoak(
      createSamples((second) => 150 + second / 30),
      200,
    ).problems,
  ).toHaveLength(2);
  expect(
    judgeSoak(
      createSamples(() => 200),
      260,
    ).problems,
  ).toHaveLength(1);
});
