import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { configAad } from '../../src/connections/sealed-config.ts';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { tokenAad } from '../../src/installations/store.ts';

/** Size of a filled database. */
export interface Fill {
  readonly messages: number;
  readonly locations: number;
  readonly waitingJobs: number;
  /** Seals tokens and configs. */
  readonly encryptionKey: Buffer;
  readonly gatewayUrl: string;
  readonly report: (text: string) => void;
}

/** Contacts of a location: one for so many of its messages. */
const messagesPerContact = 20;
const days = 730;

/**
 * Fills a migrated, empty database as two years of use would have: locations of unequal size (the largest has 4.6 % of the messages), a growing
 * number of messages a day, in the order of their time, with attempts, receipts, vendors' ids and report attempts. The server should have
 * `wal_level=minimal`: each table is filled in the transaction that truncates it, so that nothing is logged. Indexes that are not written in
 * order are built afterwards.
 */
export async function fillDatabase(session: pg.Client, second: pg.Client, fill: Fill): Promise<void> {
  const { report } = fill;
  await session.query(functionsSql);
  for (const one of [session, second])
    await one.query("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'; SET work_mem = '128MB'");
  report('locations');
  await fillLocations(session, fill);
  const { rows: indexes } = await session.query<{ name: string; definition: string }>(secondaryIndexesSql, [bigTables]);
  for (const { name } of indexes) await session.query(`DROP INDEX "${name}"`);
  await session.query(generatedSql, [fill.messages, fill.locations]);
  await session.query('ANALYZE generated');
  const { messages, ...others } = tablesSql;
  report('messages');
  await fillTable(session, 'messages', messages);
  await inParallel(
    [session, second],
    [
      ...Object.entries(others).map(([table, sql]) => async (on: pg.Client) => {
        report(table);
        await fillTable(on, table, sql);
      }),
      ...smallTablesSql.map((sql) => async (on: pg.Client) => void (await on.query(sql))),
    ],
  );
  report('waiting jobs');
  await session.query(waitingSql(fill));
  await session.query('DROP TABLE generated');
  await inParallel(
    [session, second],
    indexes.map(({ name, definition }) => async (on) => {
      report(`index ${name}`);
      await on.query(definition);
    }),
  );
  await session.query('SET session_replication_role = DEFAULT');
  report('vacuum');
  await session.query('VACUUM ANALYZE');
  await session.query('CHECKPOINT');
}

async function fillTable(on: pg.Client, table: string, sql: string): Promise<void> {
  await on.query('BEGIN');
  await on.query(`TRUNCATE ${table} CASCADE`);
  await on.query(sql);
  await on.query('COMMIT');
}

/** Runs work over several sessions, each of which takes the next piece when it has done one. */
async function inParallel(sessions: readonly pg.Client[], work: readonly ((on: pg.Client) => Promise<void>)[]): Promise<void> {
  let next = 0;
  await Promise.all(
    sessions.map(async (session) => {
      for (let piece = work[next++]; piece; piece = work[next++]) await piece(session);
    }),
  );
}

const bigTables = ['messages', 'attempts', 'receipts', 'report_attempts', 'external_ids', 'contact_addresses'];

const secondaryIndexesSql = `
  SELECT indexname AS name, indexdef AS definition FROM pg_indexes
  WHERE schemaname = 'public' AND tablename = ANY ($1::text[]) AND indexname NOT LIKE '%pkey'`;

/** Names of things by number, the same each time. */
const functionsSql = `
  CREATE OR REPLACE FUNCTION rnd(n bigint, seed int) RETURNS float8 LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT ((hashint8extended(n, seed) & 1048575)::float8 / 1048576) $$;
  CREATE OR REPLACE FUNCTION fill_id(at timestamptz, n bigint, seed int) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') || 'a' ||
      lpad(to_hex(hashint8extended(n, seed) & 1152921504606846975), 15, '0'))::uuid $$;
  CREATE OR REPLACE FUNCTION fill_location(l int) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT 'L' || substr(md5('location' || l), 1, 19) $$;
  CREATE OR REPLACE FUNCTION fill_connection(l int) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT overlay(overlay(md5('connection' || l) placing '7' from 13) placing 'a' from 17)::uuid $$;`;

async function fillLocations(session: pg.Client, { locations, encryptionKey, gatewayUrl }: Fill): Promise<void> {
  const box = createSecretBox([encryptionKey], randomBytes);
  const { rows } = await session.query<{ id: string; connectionId: string }>(
    'SELECT fill_location(l) AS id, fill_connection(l) AS "connectionId" FROM generate_series(0, $1::int - 1) AS l',
    [locations],
  );
  const config = JSON.stringify({ url: gatewayUrl, secret: `whsec_${randomBytes(24).toString('base64')}` });
  const sealed = rows.map(({ id, connectionId }) => ({
    id,
    connectionId,
    config: box.seal(config, configAad(connectionId)),
    access: box.seal('access-token', tokenAad({ kind: 'location', resourceId: id }, 'access_token')),
    refresh: box.seal('refresh-token', tokenAad({ kind: 'location', resourceId: id }, 'refresh_token')),
  }));
  const list = '("id" text, "connectionId" uuid, config text, access text, refresh text)';
  await session.query(
    `INSERT INTO installations (kind, resource_id, company_id, name, timezone, country, status, access_token, refresh_token, access_expires_at,
       token_version, installed_seen_at, uninstalled_seen_at, installed_at, updated_at)
     SELECT 'location', id, 'company' || ordinality % 100, 'Location ' || ordinality,
       (ARRAY['America/New_York', 'America/Los_Angeles', 'Europe/Berlin', 'UTC'])[1 + ordinality % 4], 'US',
       CASE WHEN ordinality % 200 = 0 THEN 'uninstalled' ELSE 'active' END::installation_status, access, refresh, now() + interval '1 day', 1,
       now() - interval '700 days', CASE WHEN ordinality % 200 = 0 THEN now() - interval '10 days' END, now() - interval '700 days', now()
     FROM ROWS FROM (json_to_recordset($1::json) AS ${list}) WITH ORDINALITY AS r (id, "connectionId", config, access, refresh, ordinality)`,
    [JSON.stringify(sealed)],
  );
  await session.query(
    `INSERT INTO connections (id, location_id, provider_key, type, config, account, created_at, updated_at)
     SELECT "connectionId", id, 'sms', 'gateway', config, 'gateway', now() - interval '700 days', now() - interval '700 days'
     FROM json_to_recordset($1::json) AS r ${list}`,
    [JSON.stringify(sealed)],
  );
  await session.query(
    `INSERT INTO rate_limits (key, tat_at, interval_ms, burst)
     SELECT 'sending/' || location_id || '/sms', now() - interval '1 hour', 100, 10 FROM connections WHERE ('x' || left(id::text, 1))::bit(4)::int < 5
     UNION ALL SELECT 'highlevel/' || location_id, now() - interval '1 hour', NULL, NULL FROM connections`,
  );
}

/** What the tables have in common: one row a message. */
const generatedSql = `
  CREATE UNLOGGED TABLE generated AS
  SELECT n, fill_id(at, n, 1) AS id, at, l, fill_location(l) AS location_id, fill_connection(l) AS connection_id,
    rnd(n, 3) < 0.22 AS is_inbound, (rnd(n, 4) * GREATEST(1, share * $1::float8 / ${messagesPerContact}))::int AS contact,
    CASE WHEN rnd(n, 5) < 0.7 THEN 'delivered' WHEN rnd(n, 5) < 0.95 THEN 'read' ELSE 'failed' END AS state,
    rnd(n, 6) AS luck
  FROM (
    SELECT n, now() - interval '${days} days' * (1 - sqrt(n / $1::float8)) - interval '1 second' AS at,
      floor($2::int * power(rnd(n, 2), 3))::int AS l,
      power((floor($2::int * power(rnd(n, 2), 3)) + 1) / $2::float8, 1 / 3.0) - power(floor($2::int * power(rnd(n, 2), 3)) / $2::float8, 1 / 3.0) AS share
    FROM generate_series(1::bigint, $1::bigint) AS n) AS each`;

const phone = `'+1202' || lpad((5000000 + g.contact)::text, 7, '0')`;

const tablesSql = {
  messages: `
    INSERT INTO messages (id, direction, location_id, provider_key, connection_id, highlevel_message_id, external_id, contact_id, conversation_id,
      user_id, message_type, "from", "to", text, attachments, inbound_key, state, reason_code, reason, reported_state, raw_payload, delivered_at,
      created_at, updated_at)
    SELECT g.id, CASE WHEN is_inbound THEN 'inbound' ELSE 'outbound' END::direction, location_id, 'sms', connection_id,
      'M' || substr(md5('m' || n), 1, 19), CASE WHEN state <> 'failed' OR is_inbound THEN 'E' || substr(md5('e' || n), 1, 24) END,
      'C' || l || 'x' || lpad(contact::text, 14, '0'), 'V' || l || 'x' || lpad(contact::text, 14, '0'),
      CASE WHEN NOT is_inbound THEN 'GK56r6wdJDrkUPd0xsmx' END, 'sms',
      CASE WHEN is_inbound THEN ${phone} END, CASE WHEN is_inbound THEN '+12025550100' ELSE ${phone} END,
      (ARRAY['Your appointment is tomorrow at ten. Reply C to confirm.', 'Yes, that works.', 'Thanks for your visit!', 'The invoice is due.'])[1 + n % 4]
        || ' ' || n, '{}', CASE WHEN is_inbound THEN connection_id || '/' || 'E' || substr(md5('e' || n), 1, 24) END,
      CASE WHEN is_inbound THEN 'delivered' ELSE state END::message_state,
      CASE WHEN state = 'failed' AND NOT is_inbound THEN (ARRAY['21610', '30003', 'no_address', 'opted_out'])[1 + n % 4] END,
      CASE WHEN state = 'failed' AND NOT is_inbound THEN 'The number cannot be reached.' END,
      CASE WHEN NOT is_inbound THEN state::message_state END, '{"type":"SMS","body":"' || repeat('x', 60) || '"}',
      CASE WHEN state <> 'failed' OR is_inbound THEN at + interval '1 s' * (1 + 20 * luck * luck) END, at, at + interval '5 s'
    FROM generated g ORDER BY n`,
  attempts: `
    INSERT INTO attempts (id, message_id, connection_id, started_at, ended_at, outcome, code, reason, response, event_order)
    SELECT fill_id(at + interval '300 ms', n, 11), id, connection_id, at + interval '300 ms', at + interval '600 ms',
      CASE WHEN state = 'failed' THEN 'rejected' ELSE 'accepted' END::attempt_outcome, CASE WHEN state = 'failed' THEN '30003' END,
      CASE WHEN state = 'failed' THEN 'The number cannot be reached.' END, CASE WHEN state = 'failed' THEN '{"code":30003}' END, n
    FROM generated WHERE NOT is_inbound ORDER BY n`,
  receipts: `
    INSERT INTO receipts (id, connection_id, message_id, external_id, state, occurred_at, received_at, event_order)
    SELECT fill_id(at + interval '2 s', n, 12 + part), connection_id, id, 'E' || substr(md5('e' || n), 1, 24),
      CASE part WHEN 0 THEN 'delivered' ELSE 'read' END::message_state, at + interval '2 s', at + interval '2 s', n
    FROM generated CROSS JOIN generate_series(0, 1) AS part
    WHERE NOT is_inbound AND state <> 'failed' AND (part = 0 OR state = 'read') ORDER BY n`,
  external_ids: `
    INSERT INTO external_ids (connection_id, external_id, message_id, part, created_at)
    SELECT connection_id, 'E' || substr(md5('e' || n), 1, 24), id, 0, at + interval '600 ms'
    FROM generated WHERE NOT is_inbound AND state <> 'failed' ORDER BY n`,
  report_attempts: `
    INSERT INTO report_attempts (id, message_id, state, attempted_at, accepted, http_status)
    SELECT fill_id(at + interval '3 s', n, 15), id, CASE WHEN NOT is_inbound THEN state::message_state END, at + interval '3 s', true, 200
    FROM generated ORDER BY n`,
  contact_addresses: `
    INSERT INTO contact_addresses (location_id, address, contact_id, updated_at)
    SELECT location_id, ${phone}, 'C' || l || 'x' || lpad(contact::text, 14, '0'), at
    FROM (SELECT DISTINCT ON (l, contact) l, contact, location_id, at FROM generated ORDER BY l, contact) AS g ORDER BY 1, 2`,
};

const smallTablesSql = [
  `INSERT INTO opt_outs (id, location_id, address, source, reason, started_at, confirmed_at, lifted_at)
   SELECT fill_id(now() - interval '1 day' * (n % 700), n, 21), fill_location((10000 * power(rnd(n, 2), 3))::int), '+1202' || 5000000 + n, 'contact', 'STOP',
     now() - interval '1 day' * (n % 700), now() - interval '1 day' * (n % 700), CASE WHEN n % 5 = 0 THEN now() END
   FROM generate_series(1, 100000) AS n`,
  `INSERT INTO audit_entries (id, at, actor, action, location_id, details)
   SELECT fill_id(now() - interval '1 minute' * n, n, 22), now() - interval '1 minute' * n, 'operator', 'message_resent',
     fill_location((10000 * rnd(n, 2))::int), 'Message.' FROM generate_series(1, 300000) AS n`,
  `INSERT INTO attachments (id, message_id, location_id, position, name, content_type, size_bytes, secret_hash, created_at, expires_at)
   SELECT fill_id(at, n, 23), id, location_id, 0, 'photo.jpg', 'image/jpeg', 100000, md5('a' || n), at, at + interval '800 days'
   FROM generated WHERE is_inbound AND luck < 0.05`,
  `INSERT INTO vendor_addresses (connection_id, address, vendor_address, vendor_user_id, last_inbound_at)
   SELECT fill_connection(l), '+1202' || 5000000 + c, '1202' || 5000000 + c, 'u' || c, now() - interval '1 day' * (c % 300)
   FROM generate_series(0, 1999) AS l, generate_series(1, 100) AS c`,
  `INSERT INTO contact_facts (location_id, contact_id, tags, assigned_to, seen_at)
   SELECT fill_location(l), 'C' || l || 'x' || lpad(c::text, 14, '0'), ARRAY['customer'], 'user' || c % 5, now() - interval '1 day' * (c % 300)
   FROM generate_series(0, 1999) AS l, generate_series(1, 100) AS c`,
];

/** Messages that wait: a quarter is due and held back by its group's sending hours, the rest is due later. */
function waitingSql({ waitingJobs, locations }: Fill): string {
  return `
    CREATE TEMP TABLE waiting AS SELECT n, fill_id(now() - interval '1 hour' + n * interval '10 ms', n, 31) AS id, (n % ${locations})::int AS l,
      now() - interval '1 hour' + n * interval '10 ms' AS at FROM generate_series(1::bigint, ${waitingJobs}::bigint) AS n WHERE n % ${locations} % 200 <> 199;
    INSERT INTO messages (id, direction, location_id, provider_key, highlevel_message_id, contact_id, conversation_id, message_type, "to", text, attachments,
      state, reason_code, reason, next_attempt_at, raw_payload, created_at, updated_at)
    SELECT id, 'outbound', fill_location(l), 'sms', 'W' || substr(md5('w' || n), 1, 19), 'W' || n, 'W' || n, 'sms', '+1203' || 5000000 + n, 'Later ' || n, '{}',
      'pending', CASE WHEN l % 4 <> 0 THEN 'retry' END, CASE WHEN l % 4 <> 0 THEN 'The gateway was unavailable.' END,
      CASE WHEN l % 4 <> 0 THEN now() + interval '2 days' END, '{}', at, at FROM waiting ORDER BY n;
    INSERT INTO jobs (queue, message_id, group_key, ordering_key, due_at, is_head)
    SELECT 'deliver', id, 'sending/' || fill_location(l) || '/sms', fill_location(l) || '/W' || n,
      CASE WHEN l % 4 = 0 THEN at ELSE now() + interval '2 days' END, true FROM waiting ORDER BY n;
    INSERT INTO rate_limits (key, tat_at, paused_until, pause_code, pause_reason)
    SELECT DISTINCT 'sending/' || fill_location(l) || '/sms', now(), now() + interval '2 days', 'outside_window', 'Outside of the sending hours.'
    FROM waiting WHERE l % 4 = 0
    ON CONFLICT (key) DO UPDATE SET paused_until = EXCLUDED.paused_until, pause_code = EXCLUDED.pause_code, pause_reason = EXCLUDED.pause_reason`;
}
