import { parseArgs } from 'node:util';
import { fuzzPdus } from './smpp-inputs.ts';

/** `npm run test:fuzz-smpp -- --seed 7 --count 1000000`: mutated commands for the reader of SMPP. Exit code 1 when one was misread. */
const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string', default: '1000000' } } });
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const count = Number(values.count);
const startedAt = performance.now();
const problems = fuzzPdus(seed, count);
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
console.log(
  `seed ${seed}: ${count} commands in ${seconds} s: ${problems.length === 0 ? 'none was misread' : `${problems.length} were misread`}`,
);
for (const problem of problems) console.log(`  - ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);
