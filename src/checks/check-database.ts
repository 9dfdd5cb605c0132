import type { ServerFacts } from '../database/inspect-server.ts';
import { type Check, toCheck } from './check.ts';
import type { Environment, InspectedDatabase } from './environment.ts';

const minVersionNumber = 140_000;
const minVersion = '14';
/** A micro-batch waits for its statement: above this, throughput suffers. */
const maxLatencyMs = 20;
/** Skew from which signatures and the times in logs are harmed, and that at which signatures are refused. */
const skewWarningMs = 1_000;
const maxSkewMs = 60_000;
/** Sessions of one process: its pool, a session that listens, and a margin. */
const minFreeConnections = 15;

/** Checks the database: whether it responds, its version, rights, round trip, clock, pooler, sessions and tables. */
export async function checkDatabase({ database }: Pick<Environment, 'database'>): Promise<Check[]> {
  return database.kind === 'postgres' ? checkServer(database) : checkEmbedded(database);
}

async function checkEmbedded(database: Extract<InspectedDatabase, { kind: 'embedded' }>): Promise<Check[]> {
  const facts = await database.inspect();
  if (facts.kind === 'missing') return [toCheck('database', 'ok', 'database_new')];
  if (facts.kind === 'in_use') return [toCheck('database', 'failed', 'refused', { message: facts.message }, 'see_program')];
  const { version, migrations } = facts;
  return [toCheck('database', 'ok', 'database_embedded', { version }), checkMigrations(migrations)];
}

async function checkServer(database: Extract<InspectedDatabase, { kind: 'postgres' }>): Promise<Check[]> {
  let facts: ServerFacts;
  try {
    facts = await database.inspect();
  } catch (error) {
    return [toCheck('database', 'failed', 'database_unreachable', { message: toMessage(error) }, 'database_reach')];
  }
  const { version, versionNumber, isReadOnly, latencyMs, skewMs, maxConnections, usedConnections } = facts;
  const milliseconds = { ms: latencyMs.toFixed(1) };
  const skew = { ms: String(Math.abs(skewMs)) };
  const skewStatus = Math.abs(skewMs) >= maxSkewMs ? 'failed' : Math.abs(skewMs) >= skewWarningMs ? 'warning' : 'ok';
  const connections = { used: String(usedConnections), max: String(maxConnections) };
  return [
    isReadOnly
      ? toCheck('database', 'failed', 'database_read_only', {}, 'database')
      : toCheck('database', 'ok', 'database_writable'),
    versionNumber < minVersionNumber
      ? toCheck('database:version', 'failed', 'database_old', { version, minimum: minVersion }, 'upgrade_database')
      : toCheck('database:version', 'ok', 'database_version', { version }),
    checkRights(facts),
    checkDefaults(facts),
    checkMigrations(facts.migrations),
    latencyMs > maxLatencyMs
      ? toCheck('database:latency', 'warning', 'database_latency', milliseconds, 'database_near')
      : toCheck('database:latency', 'ok', 'database_latency', milliseconds),
    toCheck('database:clock', skewStatus, 'clock_skew', skew, skewStatus === 'ok' ? null : 'sync_clocks'),
    ...(await checkPooler(facts, database.inspectDirect)),
    maxConnections - usedConnections < minFreeConnections
      ? toCheck('database:connections', 'warning', 'database_connections', connections, 'add_connections')
      : toCheck('database:connections', 'ok', 'database_connections', connections),
  ];
}

function checkRights({ canCreate, foreignTableCount }: ServerFacts): Check {
  const name = 'database:rights';
  if (!canCreate) return toCheck(name, 'failed', 'database_no_rights', {}, 'grant_rights');
  return foreignTableCount > 0
    ? toCheck(name, 'failed', 'database_foreign_tables', { count: String(foreignTableCount) }, 'grant_rights')
    : toCheck(name, 'ok', 'database_rights');
}

/** Behind a pooler the sessions keep the defaults of the server, the database or the user. */
function checkDefaults({ hasFsync, synchronousCommit, isolation, pooling }: ServerFacts): Check {
  const name = 'database:defaults';
  if (!hasFsync) return toCheck(name, 'failed', 'database_no_fsync', {}, 'set_fsync');
  const wrong = [
    ...(synchronousCommit === 'off' ? [`synchronous_commit = ${synchronousCommit}`] : []),
    ...(isolation === 'read committed' ? [] : [`default_transaction_isolation = ${isolation}`]),
  ];
  return pooling === 'none' || wrong.length === 0
    ? toCheck(name, 'ok', 'database_defaults')
    : toCheck(name, 'failed', 'database_defaults_wrong', { settings: wrong.join(', ') }, 'set_defaults');
}

function checkMigrations({ missingCount, problem, isEmpty }: ServerFacts['migrations']): Check {
  const name = 'database:tables';
  if (problem !== null) return toCheck(name, 'failed', 'refused', { message: problem }, 'right_version');
  if (isEmpty) return toCheck(name, 'ok', 'database_empty');
  return missingCount > 0
    ? toCheck(name, 'warning', 'migrations_missing', { count: String(missingCount) }, 'start_program')
    : toCheck(name, 'ok', 'migrations_good');
}

async function checkPooler(facts: ServerFacts, inspectDirect: (() => Promise<ServerFacts>) | null): Promise<Check[]> {
  const { pooling } = facts;
  const name = 'database:pooler';
  const lines: Check[] = [];
  if (pooling === 'statement') lines.push(toCheck(name, 'failed', 'pooler_statement', {}, 'pooler_mode'));
  else if (pooling === 'transaction' && !inspectDirect) {
    lines.push(toCheck(name, 'warning', 'pooler_without_direct', {}, 'set_direct_url'));
  } else lines.push(toCheck(name, 'ok', pooling === 'none' ? 'pooler_none' : `pooler_${pooling}`));
  if (!inspectDirect) return lines;
  try {
    const direct = await inspectDirect();
    const isSame = direct.identity === facts.identity;
    if (!isSame) lines.push(toCheck('database:direct', 'failed', 'direct_other', {}, 'direct_address'));
    else if (direct.pooling === 'transaction' || direct.pooling === 'statement') {
      lines.push(toCheck('database:direct', 'failed', 'direct_pooled', {}, 'direct_address'));
    } else lines.push(toCheck('database:direct', 'ok', 'direct_good'));
  } catch (error) {
    lines.push(toCheck('database:direct', 'failed', 'direct_unreachable', { message: toMessage(error) }, 'direct_address'));
  }
  return lines;
}

/** Returns the message of a driver's error; that of several addresses of a host is empty. */
function toMessage(error: unknown): string {
  const { message, code, errors } = error as Error & { code?: string; errors?: Error[] };
  return message || errors?.[0]?.message || code || String(error);
}
