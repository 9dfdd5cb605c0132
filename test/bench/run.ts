import { measureCost } from './cost.ts';
import { measureGroups } from './groups.ts';
import { measureIngest } from './ingest.ts';
import { measureLatency } from './latency.ts';
import { measurePipeline } from './pipeline.ts';
import { measureProcesses } from './processes.ts';
import { formatTable } from './table.ts';
import { measureTenants } from './tenants.ts';

const serverUrl = process.env.TEST_DATABASE_URL;
if (!serverUrl) {
  console.error('The benchmarks need a PostgreSQL server: TEST_DATABASE_URL=postgresql://user@host/postgres npm run bench');
  process.exit(1);
}
/** `npm run bench -- pipeline` runs one part. */
const parts = {
  ingest: measureIngest,
  latency: measureLatency,
  pipeline: measurePipeline,
  processes: measureProcesses,
  groups: measureGroups,
  cost: measureCost,
  tenants: measureTenants,
};
const wanted = process.argv.slice(2);
const figures = [];
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length === 0 || wanted.includes(name)) figures.push(...(await measure(serverUrl)));
}
console.log(formatTable(figures));
