/** An axis: its grid lines and its end. */
export interface Axis {
  /** From 0, at equal distances; the last is the end of the axis. */
  readonly ticks: readonly number[];
  readonly max: number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** Round steps of time, in milliseconds. */
const timeSteps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1_000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * minute),
  ...[1, 2, 3, 6, 12].map((hours) => hours * hour),
];
const maxSteps = 4;

/** Creates an axis for counts, in steps of 1, 2 or 5 times a power of ten, up to the highest value. */
export function createCountAxis(highest: number): Axis {
  const rough = Math.max(highest, 1) / maxSteps;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * (1 - 1e-9)) as number;
  return createAxis(Math.max(Math.round(step), 1), highest);
}

/** Creates an axis for durations, in milliseconds. */
export function createTimeAxis(highestMs: number): Axis {
  const rough = Math.max(highestMs, 1) / maxSteps;
  const step = timeSteps.find((one) => one >= rough) ?? Math.ceil(rough / day) * day;
  return createAxis(step, highestMs);
}

/** An axis from 0 to 100 %. */
export const shareAxis: Axis = { ticks: [0, 0.25, 0.5, 0.75, 1], max: 1 };

function createAxis(step: number, highest: number): Axis {
  const count = Math.max(Math.ceil(highest / step), 1);
  return { ticks: Array.from({ length: count + 1 }, (_, n) => n * step), max: count * step };
}
