/** One look at the process. */
export interface Sample {
  /** Since the load began, in seconds. */
  atSeconds: number;
  residentMib: number;
  jobs: number;
  reported: number;
}

export interface SoakVerdict {
  wrong: string[];
  slopeMibPerHour: number;
  firstThirdMib: number;
  lastThirdMib: number;
}

const peakAtMostMib = 250;
/** A process that keeps what it should forget grows with its work; what the collector does is up and down. */
const growthAtMost = 0.05;
/** What waits at any moment under a load that is taken. */
const someJobs = 500;

/** Judges memory after the warm-up: no growth over the run, and the peak within what an operator was promised. */
export function verdictOf(samples: readonly Sample[], peakMib: number): SoakVerdict {
  const third = Math.max(Math.floor(samples.length / 3), 1);
  const memoryIn = (some: readonly Sample[]) => median(some.map(({ residentMib }) => residentMib));
  const firstThirdMib = memoryIn(samples.slice(0, third));
  const lastThirdMib = memoryIn(samples.slice(-third));
  const slopeMibPerHour = 3_600 * slopeOf(samples);
  const lastedSeconds = (samples.at(-1)?.atSeconds ?? 0) - (samples[0]?.atSeconds ?? 0);
  const grownMib = (slopeMibPerHour * lastedSeconds) / 3_600;
  const allowedMib = growthAtMost * firstThirdMib;
  const jobsIn = (some: readonly Sample[]) => median(some.map(({ jobs }) => jobs));
  const queueGrew = jobsIn(samples.slice(-third)) > 2 * jobsIn(samples.slice(0, third)) + someJobs;
  return {
    slopeMibPerHour,
    firstThirdMib,
    lastThirdMib,
    wrong: [
      ...(peakMib > peakAtMostMib ? [`The peak was ${Math.round(peakMib)} MiB, more than ${peakAtMostMib}.`] : []),
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

/** MiB a second, by least squares. */
function slopeOf(samples: readonly Sample[]): number {
  const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
  const at = meanOf(samples.map(({ atSeconds }) => atSeconds));
  const mib = meanOf(samples.map(({ residentMib }) => residentMib));
  const spread = samples.reduce((sum, { atSeconds }) => sum + (atSeconds - at) ** 2, 0);
  return samples.reduce((sum, one) => sum + (one.atSeconds - at) * (one.residentMib - mib), 0) / Math.max(spread, 1);
}
