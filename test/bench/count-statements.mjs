// A benchmark loads this into the program: counts its statements, and writes the count to a file on SIGUSR2.
import { writeFileSync } from 'node:fs';
import pg from 'pg';

let count = 0;
const { query } = pg.Client.prototype;
pg.Client.prototype.query = function (...args) {
  count += 1;
  return query.apply(this, args);
};
process.on('SIGUSR2', () => writeFileSync(process.env.BENCH_COUNT_FILE, `${count}\n`));
