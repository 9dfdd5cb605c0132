import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { measureRate } from './pipeline.ts';
import type { Figure } from './table.ts';
import { pollUntil, startTestbed, type Testbed } from './testbed.ts';

const fewMessages = 1_000;
const manyMessages = 1_000_000;
const runs = 3;
const eachRun = 4_000;
const tables = ['messages', 'attempts', 'report_attempts', 'receipts', 'contact_addresses', 'jobs'];

/** Measures the cost of one message: statements, bytes, and the throughput with a million messages stored. */
export async function measureCost(serverUrl: string): Promise<Figure[]> {
  const countFile = join(tmpdir(), `patchbay-bench-statements-${process.pid}`);
  const preload = `--import=${join(import.meta.dirname, 'count-statements.mjs')}`;
  await using testbed = await startTestbed(serverUrl, { settings: { NODE_OPTIONS: preload, BENCH_COUNT_FILE: countFile } });
  const session = new pg.Client({ connectionString: testbed.databaseUrl });
  await session.connect();
  try {
    await measureRate(testbed, fewMessages);
    const before = await readCounters(testbed, session, countFile);
    const rates = await measureRates(testbed);
    const after = await readCounters(testbed, session, countFile);
    await storeMessages(session, testbed.locationIds, manyMessages);
    await measureRate(testbed, fewMessages);
    const ratesLater = await measureRates(testbed);
    const messages = runs * eachRun;
    const ratio = median(rates) / median(ratesLater);
    return [
      { name: 'statements a message, under load', ours: (after.statements - before.statements) / messages },
      { name: 'bytes of write-ahead log a message', ours: (after.walBytes - before.walBytes) / messages },
      { name: 'bytes stored a message, indexes included', ours: (after.storedBytes - before.storedBytes) / messages },
      {
        name: 'messages/s with 1,000,000 stored',
        ours: median(ratesLater),
        peer: 'with 1,000 stored, cost × ratio',
        theirs: median(rates),
        ratio,
        target: '≤ 1.2',
        isMet: ratio <= 1.2,
      },
    ];
  } finally {
    await session.end();
    rmSync(countFile, { force: true });
  }
}

async function measureRates(testbed: Testbed): Promise<number[]> {
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) rates.push(await measureRate(testbed, eachRun));
  return rates;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

async function readCounters(testbed: Testbed, session: pg.Client, countFile: string) {
  rmSync(countFile, { force: true });
  testbed.program.child.kill('SIGUSR2');
  let statements = Number.NaN;
  await pollUntil(async () => {
    statements = Number.parseInt(readIfExists(countFile), 10);
    return !Number.isNaN(statements);
  });
  const { rows } = await session.query<{ wal: string; stored: string }>(
    `SELECT pg_current_wal_insert_lsn() - '0/0' AS wal, (SELECT sum(pg_total_relation_size(t::regclass)) FROM unnest($1::text[]) AS t) AS stored`,
    [tables],
  );
  return { statements, walBytes: Number(rows[0]?.wal), storedBytes: Number(rows[0]?.stored) };
}

function readIfExists(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The program has not written it yet.
    return '';
  }
}

/** Stores messages of the past year, delivered and reported, in these locations. */
export async function storeMessages(session: pg.Client, locationIds: readonly string[], count: number): Promise<void> {
  await session.query(
    `WITH past AS (
       SELECT n, now() - n * interval '30 s' AS at, $1::text[] AS locations FROM generate_series(1, $2::int) AS n),
     stored AS (
       INSERT INTO messages (id, direction, location_id, provider_key, highlevel_message_id, contact_id, message_type, "to", text, state,
         reported_state, raw_payload, created_at, updated_at)
       SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000a000' || lpad(to_hex(n), 12, '0'))::uuid, 'outbound',
         locations[1 + n % array_length(locations, 1)], 'sms', 'past' || n, 'contact' || n % 100000, 'sms', '+1202' || 5550000 + n % 1000,
         'Your appointment is tomorrow at ten. Reply C to confirm.', 'delivered', 'delivered', repeat('x', 300), at, at
       FROM past RETURNING id, created_at),
     sent AS (
       INSERT INTO attempts (id, message_id, connection_id, started_at, ended_at, outcome)
       SELECT gen_random_uuid(), id, gen_random_uuid(), created_at, created_at, 'delivered' FROM stored)
     INSERT INTO report_attempts (id, message_id, state, attempted_at, accepted, http_status)
     SELECT gen_random_uuid(), id, 'delivered', created_at, true, 200 FROM stored`,
    [locationIds, count],
  );
  await session.query('VACUUM ANALYZE');
  await session.query('CHECKPOINT');
}
