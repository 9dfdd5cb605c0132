import { ingest } from './ingest.ts';
import { tableOf } from './table.ts';

const serverUrl = process.env.TEST_DATABASE_URL;
if (!serverUrl) {
  console.error('The benchmarks need a PostgreSQL server: TEST_DATABASE_URL=postgresql://user@host/postgres npm run bench');
  process.exit(1);
}
console.log(tableOf(await ingest(serverUrl)));
