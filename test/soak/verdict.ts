/** One sample of the process. */
export interface Sample {
  /** Seconds since the start of the load. */
  atSeconds: number;
  residentMib: number;
  jobs: number;
  reported: number;
}

export interface SoakVerdict {
  problems: string[];
  slopeMibPerHour: number;
  firstThirdMib: number;
  lastThirdMib: number;
}

const maxPeakMib = 250;
/** Tolerated growth, as a share: a leak grows with the work, while garbage collection goes up and down. */
const maxGrowth = 0.05;
/** Jobs that wait at any moment under a load within the capacity. */
const toleratedJobs = 500;

/** Judges memory after the warm-up: no growth over the run, and the peak within the documented limit. */
export function judgeSoak(samples: readonly Sample[], peakMib: number): SoakVerdict {
  const third = Math.max(Math.floor(samples.length / 3), 1);
  const memoryIn = (some: readonly Sample[]) => median(some.map(({ residentMib }) => residentMib));
  const firstThirdMib = memoryIn(samples.slice(0, third));
  const lastThirdMib = memoryIn(samples.slice(-third));
  const slopeMibPerHour = 3_600 * fitSlope(samples);
  const durationSeconds = (samples.at(-1)?.atSeconds ?? 0) - (samples[0]?.atSeconds ?? 0);
  const grownMib = (slopeMibPerHour * durationSeconds) / 3_600;
  const allowedMib = maxGrowth * firstThirdMib;
  const jobsIn = (some: readonly Sample[]) => median(some.map(({ jobs }) => jobs));
  const queueGrew = jobsIn(samples.slice(-third)) > 2 * jobsIn(samples.slice(0, third)) + toleratedJobs;
  return {
    slopeMibPerHour,
    firstThirdMib,
    lastThirdMib,
    problems: [
      ...(peakMib > maxPeakMib ? [`The peak was ${Math.round(peakMib)} MiB, more than ${maxPeakMib}.`] : []),
      ...(lastThirdMib > firstThirdMib + allowedMib ? ['The last third needed more than the first.'] : []),
      ...(grownMib > allowedMib ? [`It grew by ${grownMib.toFixed(1)} MiB over the run, as a line.`] : []),
      ...(queueGrew ? ['The queue grew: the load was more than it could take.'] : []),
    ],
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Returns MiB a second, by least squares. */
function fitSlope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
  const at = mean(samples.map(({ atSeconds }) => atSeconds));
  const mib = mean(samples.map(({ residentMib }) => residentMib));
  const spread = samples.reduce((sum, { atSeconds }) => sum + (atSeconds - at) ** 2, 0);
  return samples.reduce((sum, one) => sum + (one.atSeconds - at) * (one.residentMib - mib), 0) / Math.max(spread, 1);
}
