import { cost } from './cost.ts';
import { ingest } from './ingest.ts';
import { lanes } from './lanes.ts';
import { latency } from './latency.ts';
import { pipeline } from './pipeline.ts';
import { processes } from './processes.ts';
import { tableOf } from './table.ts';
import { tenants } from './tenants.ts';

const serverUrl = process.env.TEST_DATABASE_URL;
if (!serverUrl) {
  console.error('The benchmarks need a PostgreSQL server: TEST_DATABASE_URL=postgresql://user@host/postgres npm run bench');
  process.exit(1);
}
/** `npm run bench -- pipeline` runs one part. */
const parts = { ingest, latency, pipeline, processes, lanes, cost, tenants };
const wanted = process.argv.slice(2);
const figures = [];
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length === 0 || wanted.includes(name)) figures.push(...(await measure(serverUrl)));
}
console.log(tableOf(figures));
