import type { Bench, Part } from './bench.ts';
import { measureStoredCost } from './cost.ts';
import { measureGroups } from './groups.ts';
import { measureIngest } from './ingest.ts';
import { measureLatency } from './latency.ts';
import { measurePipeline } from './pipeline.ts';
import { measureProcesses } from './processes.ts';
import { formatFigure, formatHeader } from './table.ts';
import { measureTenants } from './tenants.ts';

/**
 * `npm run bench` runs all parts, `npm run bench -- pipeline` one of them, `npm run bench -- quick` those of a few minutes with fewer
 * turns. Each figure is printed once it is measured. Exit code 1 when a ratio misses its target.
 */
const serverUrl = process.env.TEST_DATABASE_URL;
if (!serverUrl) {
  console.error('The benchmarks need a PostgreSQL server: TEST_DATABASE_URL=postgresql://user@host/postgres npm run bench');
  process.exit(1);
}

/** Minutes are of two cores with nothing else to do; a part without quick minutes is not in the quick run. */
const parts: Record<string, { measure: Part; minutes: number; quickMinutes?: number }> = {
  pipeline: { measure: measurePipeline, minutes: 7, quickMinutes: 1.3 },
  ingest: { measure: measureIngest, minutes: 3, quickMinutes: 0.8 },
  latency: { measure: measureLatency, minutes: 2, quickMinutes: 0.6 },
  processes: { measure: measureProcesses, minutes: 2 },
  groups: { measure: measureGroups, minutes: 2 },
  cost: { measure: measureStoredCost, minutes: 6 },
  tenants: { measure: measureTenants, minutes: 20 },
};

const wanted = process.argv.slice(2).filter((name) => name !== 'quick');
const isQuick = process.argv.includes('quick');
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`No such part: ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}, and quick.`);
  process.exit(1);
}
const chosen = Object.entries(parts).filter(([name, { quickMinutes }]) =>
  wanted.length > 0 ? wanted.includes(name) : !isQuick || quickMinutes !== undefined,
);
const minutes = chosen.reduce((total, [, part]) => total + (isQuick ? (part.quickMinutes ?? part.minutes) : part.minutes), 0);
console.log(`About ${Math.ceil(minutes)} minutes. Medians of turns; the spread is of the turns’ ratios.\n`);
console.log(formatHeader());

const bench: Bench = { serverUrl, isQuick, report };
const missed: string[] = [];
for (const [name, { measure }] of chosen) {
  report(name);
  for await (const figure of measure(bench)) {
    clearReport();
    console.log(formatFigure(figure));
    if (figure.isMet === false) missed.push(figure.name);
  }
}
clearReport();
if (missed.length > 0) console.log(`\nMissed: ${missed.join('; ')}.`);
process.exit(missed.length > 0 ? 1 : 0);

/** Shows what is being measured now: in a terminal on one line that the next figure replaces, else on a line of its own. */
function report(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text} ...`);
  else process.stderr.write(`${text} ...\n`);
}

function clearReport(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
}
