import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Bench } from './bench.ts';
import { measureCost, measureRate, startPatchbay } from './pipelines.ts';
import { compare, type Figure, measured } from './table.ts';
import { pollUntil, type Testbed } from './testbed.ts';
import { measureInTurns } from './turns.ts';

const fewMessages = 1_000;
const manyMessages = 1_000_000;
const tables = ['messages', 'attempts', 'report_attempts', 'receipts', 'contact_addresses', 'jobs'];

/** Measures the cost of one message: statements, bytes, and the processor time with a million messages stored. */
export async function* measureStoredCost(bench: Bench): AsyncGenerator<Figure> {
  const [turns, eachRun] = bench.isQuick ? [3, 2_000] : [5, 4_000];
  const countFile = join(tmpdir(), `patchbay-bench-statements-${process.pid}`);
  const preload = `--import=${join(import.meta.dirname, 'count-statements.mjs')}`;
  const settings = { NODE_OPTIONS: preload, BENCH_COUNT_FILE: countFile };
  await using few = await startPatchbay({ settings });
  await using many = await startPatchbay({ settings });
  const [session, sessionOfMany] = [few, many].map(({ databaseUrl }) => new pg.Client({ connectionString: databaseUrl }));
  if (!session || !sessionOfMany) throw new Error('There is no session.');
  await Promise.all([session.connect(), sessionOfMany.connect()]);
  try {
    await measureRate(few, fewMessages);
    bench.report('statements and bytes');
    const before = await readCounters(few, session, countFile);
    await measureRate(few, eachRun);
    const after = await readCounters(few, session, countFile);
    yield measured('statements a message, under load', (after.statements - before.statements) / eachRun);
    yield measured('bytes of write-ahead log a message', (after.walBytes - before.walBytes) / eachRun);
    yield measured('bytes stored a message, indexes included', (after.storedBytes - before.storedBytes) / eachRun);

    bench.report('storing a million messages');
    await storeMessages(sessionOfMany, many.locationIds, manyMessages);
    await measureRate(many, fewMessages);
    const pipelines = { few, many };
    const runs = await measureInTurns(bench, ['many', 'few'], turns, (name) => measureCost(pipelines[name], eachRun));
    const bothOf = (name: 'few' | 'many') => runs[name].map(({ both }) => both);
    const peer = { name: 'with few stored', turns: bothOf('few') };
    yield compare('CPU a message with 1,000,000 stored, ms', bothOf('many'), peer, { atMost: 1.1 });
  } finally {
    await Promise.all([session.end(), sessionOfMany.end()]);
    rmSync(countFile, { force: true });
  }
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
