import type * as z from 'zod';
import { type Actor, audit } from '../audit/audit-log.ts';
import type { Channel, ChannelConnection } from '../channels/channel.ts';
import { listSensitiveFields } from '../channels/config-schema.ts';
import { deliverySettings, parseDeliverySettings } from '../channels/delivery-settings.ts';
import { type Channels, getChannel } from '../channels/registry.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import { limitPerSecond } from '../core/gcra.ts';
import { minIdAt, type NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { type GroupLimits, setGroupLimits } from '../queue/rate-limits.ts';
import { createLoader } from '../runtime/batcher.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { configAad, decryptPreviousConfig, retainPreviousConfig } from './sealed-config.ts';

/** A location and one of our providers: what a connection belongs to. */
export interface ConnectionRef {
  readonly locationId: string;
  readonly providerKey: string;
}

/** A location's configured channel for one provider, opened and ready to use. */
export interface Connection extends ChannelConnection<object> {
  readonly locationId: string;
  readonly providerKey: string;
  readonly channel: Channel;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface ConnectionDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  channels: Channels;
  /** Our public address, without a slash at its end. */
  appUrl: string;
}

/**
 * Connects a channel, or changes the one that is connected. Secret fields that are left out keep their value, as nobody can read
 * them back to send them again.
 *
 * @throws AppError `request_invalid` with every problem of the config
 */
export async function connect(
  deps: ConnectionDeps,
  ref: ConnectionRef,
  wanted: { type: string; config: Record<string, unknown> },
  actor: Actor,
): Promise<Connection> {
  const channel = getChannel(deps.channels, wanted.type);
  const checked = await checkConfig(deps, ref, wanted);
  if ('issues' in checked) {
    throw new AppError('request_invalid', `The config does not fit a ${channel.title}.`, {
      details: checked.issues.map((issue) => `config.${issue.path.join('.')}: ${issue.message}`),
    });
  }
  const { config } = checked;

  const now = dateNow(deps.clock);
  const row = await deps.db.transaction(async (tx) => {
    // The id comes first: it binds the sealed config to its row. An upsert keeps two who connect at once from failing.
    const newId = deps.newId();
    const { id, disabledAt, ...before } = await tx.connection.upsert({
      where: { locationId_providerKey: ref },
      create: { id: newId, ...ref, type: channel.type, config: '', createdAt: now, updatedAt: now },
      update: {},
    });
    const sealed = deps.box.seal(JSON.stringify(config), configAad(id));
    const action = id === newId || disabledAt ? 'channel_connected' : 'channel_changed';
    await audit(tx, deps, { actor, action, locationId: ref.locationId, details: `${ref.providerKey}: ${channel.type}.` });
    await setGroupLimits(tx, toConnectionGroupKey(ref), toGroupLimits(config), now);
    return tx.connection.update({
      where: { id },
      data: {
        type: channel.type,
        config: sealed,
        ...retainPreviousConfig(deps, { id, ...before }, channel, config, now),
        disabledAt: null,
        updatedAt: now,
      },
    });
  });
  return decryptConnection(deps, row);
}

/** What of a connection's settings the queue keeps. */
function toGroupLimits(config: object) {
  const { ratePerSecond, concurrency = null } = parseDeliverySettings(config);
  const rateLimit = ratePerSecond === undefined ? { intervalMs: null, burst: null } : limitPerSecond(ratePerSecond);
  return { ...rateLimit, concurrency };
}

const restoreBatchSize = 200;

/** Gives connections back the limits that an earlier version of the program took from lanes which had long been quiet. */
export async function restoreGroupLimits(deps: Pick<ConnectionDeps, 'db' | 'box' | 'clock'>): Promise<void> {
  const { client } = deps.db;
  let lastId: string | undefined;
  do {
    const rows = await client.connection.findMany({
      where: { disabledAt: null, ...(lastId ? { id: { gt: lastId } } : {}) },
      orderBy: { id: 'asc' },
      take: restoreBatchSize,
    });
    const limited = { OR: [{ intervalMs: { not: null } }, { concurrency: { not: null } }] };
    const rateLimits = await client.rateLimitRow.findMany({
      where: { key: { in: rows.map(toConnectionGroupKey) }, ...limited },
    });
    const limitedKeys = new Set(rateLimits.map(({ key }) => key));
    const isLimited = (row: ConnectionRow) => readGroupLimits(deps.box, row) !== null;
    for (const row of rows)
      if (!limitedKeys.has(toConnectionGroupKey(row)) && isLimited(row)) await restoreConnectionLimits(deps, row);
    lastId = rows.length < restoreBatchSize ? undefined : rows.at(-1)?.id;
  } while (lastId);
}

async function restoreConnectionLimits(
  { db, box, clock }: Pick<ConnectionDeps, 'db' | 'box' | 'clock'>,
  { id }: ConnectionRow,
) {
  await db.transaction(async (tx) => {
    // Whoever changes the connection holds its row; so do we.
    await tx.$queryRaw`SELECT 1 FROM connections WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.connection.findUnique({ where: { id } });
    const limits = row && readGroupLimits(box, row);
    if (limits) await setGroupLimits(tx, toConnectionGroupKey(row), limits, dateNow(clock));
  });
}

/** Null for none, and where nobody can read them any more: whoever uses the connection says so. */
function readGroupLimits(box: SecretBox, row: ConnectionRow): GroupLimits | null {
  try {
    const limits = toGroupLimits(JSON.parse(box.open(row.config, configAad(row.id))));
    return limits.intervalMs === null && limits.concurrency === null ? null : limits;
  } catch (error) {
    if (isAppError(error, 'secret_unreadable')) return null;
    throw error;
  }
}

/** @returns whether there was one */
export async function disconnect(deps: ConnectionDeps, ref: ConnectionRef, actor: Actor): Promise<boolean> {
  const { locationId, providerKey } = ref;
  const removed = await deps.db.transaction(async (tx) => {
    const rows = await tx.connection.findMany({ where: { locationId, providerKey, disabledAt: null }, select: { id: true } });
    const { count } = await tx.connection.deleteMany({ where: { id: { in: rows.map(({ id }) => id) } } });
    if (count > 0) await audit(tx, deps, { actor, action: 'channel_disconnected', locationId, details: `${providerKey}.` });
    return count > 0 ? rows : [];
  });
  for (const { id } of removed) deps.box.evict(configAad(id));
  return removed.length > 0;
}

/** Places whose channel somebody has disconnected since; what an uninstall takes away is not among them. */
export async function listDisconnects(on: Executor, since: Date): Promise<ConnectionRef[]> {
  // By the order of ids: entries have no index by time or action.
  const rows = await on.auditEntry.findMany({
    where: { id: { gte: minIdAt(since) }, action: 'channel_disconnected', locationId: { not: null } },
    select: { locationId: true, details: true },
  });
  return rows.map(({ locationId, details }) => ({
    locationId: locationId as string,
    // As `disconnect` writes it.
    providerKey: (details ?? '').replace(/\.$/, ''),
  }));
}

/** The connection that a location has for a provider, if any. */
export async function findConnection(deps: ConnectionDeps, ref: ConnectionRef): Promise<Connection | null> {
  const row = await deps.db.client.connection.findUnique({ where: { locationId_providerKey: ref, disabledAt: null } });
  return row && decryptConnection(deps, row);
}

/** Loads a stored connection; concurrent calls share one statement. */
export type ConnectionLoader = (ref: ConnectionRef) => Promise<ConnectionRow | null>;

export function createConnectionLoader(db: Database): ConnectionLoader {
  const keyOf = ({ locationId, providerKey }: ConnectionRef) => `${locationId}/${providerKey}`;
  return createLoader(keyOf, async (refs) => {
    const OR = refs.map(({ locationId, providerKey }) => ({ locationId, providerKey }));
    const rows = await db.client.connection.findMany({ where: { disabledAt: null, OR } });
    return new Map(rows.map((row) => [keyOf(row), row]));
  });
}

/** @throws AppError `not_found` */
export async function getConnection(deps: ConnectionDeps, id: string): Promise<Connection> {
  const row = await deps.db.client.connection.findUnique({ where: { id, disabledAt: null } });
  if (!row) throw new AppError('not_found', 'There is no such connection.');
  return decryptConnection(deps, row);
}

/** A location's connections, oldest first. */
export async function listConnections(deps: ConnectionDeps, locationId: string): Promise<Connection[]> {
  const rows = await deps.db.client.connection.findMany({ where: { locationId, disabledAt: null }, orderBy: { id: 'asc' } });
  return rows.map((row) => decryptConnection(deps, row));
}

/**
 * Returns a connection's config as people may see it: without its secrets, and without what is often one in an address.
 *
 * @param canWrite who may change it sees addresses whole, as they must be given back whole
 */
export function toPublicConfig(connection: Connection, canWrite: boolean): Record<string, unknown> {
  const secretNames = new Set(listSensitiveFields(connection.channel.configSchema));
  const visible = Object.entries(connection.config).filter(([name]) => !secretNames.has(name));
  return Object.fromEntries(visible.map(([name, value]) => [name, canWrite ? value : maskUrl(value)]));
}

/** Hides the user info of an address and the values of its query, such as an API key. */
function maskUrl(value: unknown): unknown {
  if (typeof value !== 'string' || !/^https?:/i.test(value) || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.username || url.password) [url.username, url.password] = ['***', ''];
  for (const name of [...url.searchParams.keys()]) url.searchParams.set(name, '***');
  return url.href;
}

/** What its far side calls, by event. */
export function toWebhookUrls({ channel, webhookUrl }: Connection): Record<string, string> {
  return Object.fromEntries((channel.webhookEvents ?? ['status', 'inbound']).map((event) => [event, `${webhookUrl}/${event}`]));
}

/** A stored connection, ready to use. @throws AppError `request_invalid`: this process has no such channel; `secret_unreadable` */
export function decryptConnection(deps: ConnectionDeps, row: ConnectionRow): Connection {
  return {
    id: row.id,
    locationId: row.locationId,
    providerKey: row.providerKey,
    channel: getChannel(deps.channels, row.type),
    config: JSON.parse(deps.box.open(row.config, configAad(row.id))),
    previousConfig: decryptPreviousConfig(deps, row),
    webhookUrl: `${deps.appUrl}/channels/${row.id}`,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** The stored values of the secret fields that are left out, if the same channel was connected before. */
async function loadStoredSecrets(
  deps: ConnectionDeps,
  ref: ConnectionRef,
  channel: Channel,
  input: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const omitted = listSensitiveFields(channel.configSchema).filter((name) => !(name in input));
  // With every secret given, nothing old is opened: that is the way out when the old key is lost or the old channel is gone.
  if (omitted.length === 0) return {};
  const row = await deps.db.client.connection.findUnique({ where: { locationId_providerKey: ref } });
  if (row?.type !== channel.type) return {};
  const { config } = decryptConnection(deps, row);
  return Object.fromEntries(Object.entries(config).filter(([name]) => omitted.includes(name)));
}

/**
 * What a config comes to with the secrets that it leaves out, or all that does not fit.
 *
 * @param errorMap zod's words in the reader's language
 * @throws AppError `request_invalid`: no such channel type
 */
export async function checkConfig(
  deps: ConnectionDeps,
  ref: ConnectionRef,
  wanted: { type: string; config: Record<string, unknown> },
  errorMap?: z.core.$ZodErrorMap,
): Promise<{ config: object } | { issues: readonly z.core.$ZodIssue[] }> {
  const channel = getChannel(deps.channels, wanted.type);
  const merged = { ...(await loadStoredSecrets(deps, ref, channel, wanted.config)), ...wanted.config };
  const result: z.ZodSafeParseResult<object> = channel.configSchema
    .extend(deliverySettings)
    .safeParse(merged, errorMap ? { error: errorMap } : undefined);
  return result.success ? { config: result.data } : { issues: result.error.issues };
}
