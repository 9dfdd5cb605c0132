import type * as z from 'zod';
import { type Channel, type ConnectionOf, sensitiveFields } from '../channels/channel.ts';
import { deliverySettings, deliverySettingsOf } from '../channels/delivery-settings.ts';
import { type Channels, channelOfType } from '../channels/registry.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import { minIdAt, type NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { limitPerSecond } from '../queue/gcra.ts';
import { type GroupLimits, rateLimitKey, setGroupLimits } from '../queue/rate-limits.ts';
import { createLoader } from '../runtime/batcher.ts';
import { type Actor, audit } from './audit.ts';
import { identity, keptBefore, openPrevious } from './sealed-config.ts';

/** A location's configured channel for one provider, opened and ready to use. */
export interface Connection extends ConnectionOf<object> {
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
  place: { locationId: string; providerKey: string },
  wanted: { type: string; config: Record<string, unknown> },
  actor: Actor,
): Promise<Connection> {
  const channel = channelOfType(deps.channels, wanted.type);
  const checked = await checkConfig(deps, place, wanted);
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
    const { id, dormantSince, ...before } = await tx.connection.upsert({
      where: { locationId_providerKey: place },
      create: { id: newId, ...place, type: channel.type, config: '', createdAt: now, updatedAt: now },
      update: {},
    });
    const sealed = deps.box.seal(JSON.stringify(config), identity(id));
    const action = id === newId || dormantSince ? 'channel_connected' : 'channel_changed';
    await audit(tx, deps, { actor, action, locationId: place.locationId, details: `${place.providerKey}: ${channel.type}.` });
    await setGroupLimits(tx, rateLimitKey.connection(place), laneLimitsOf(config), now);
    return tx.connection.update({
      where: { id },
      data: {
        type: channel.type,
        config: sealed,
        ...keptBefore(deps, { id, ...before }, channel, config, now),
        dormantSince: null,
        updatedAt: now,
      },
    });
  });
  return openConnection(deps, row);
}

/** What of a connection's settings the queue keeps. */
function laneLimitsOf(config: object) {
  const { ratePerSecond, concurrency = null } = deliverySettingsOf(config);
  const rate = ratePerSecond === undefined ? { intervalMs: null, burst: null } : limitPerSecond(ratePerSecond);
  return { ...rate, concurrency };
}

const restoredAtOnce = 200;

/** Gives connections back the limits that an earlier version of the program took from lanes which had long been quiet. */
export async function restoreLimits(deps: Pick<ConnectionDeps, 'db' | 'box' | 'clock'>): Promise<void> {
  const { client } = deps.db;
  let last: string | undefined;
  do {
    const rows = await client.connection.findMany({
      where: { dormantSince: null, ...(last ? { id: { gt: last } } : {}) },
      orderBy: { id: 'asc' },
      take: restoredAtOnce,
    });
    const limited = { OR: [{ intervalMs: { not: null } }, { concurrency: { not: null } }] };
    const paces = await client.pace.findMany({ where: { key: { in: rows.map(rateLimitKey.connection) }, ...limited } });
    const known = new Set(paces.map(({ key }) => key));
    const isLimited = (row: ConnectionRow) => limitsIn(deps.box, row) !== null;
    for (const row of rows) if (!known.has(rateLimitKey.connection(row)) && isLimited(row)) await restoreLimitsOf(deps, row);
    last = rows.length < restoredAtOnce ? undefined : rows.at(-1)?.id;
  } while (last);
}

async function restoreLimitsOf({ db, box, clock }: Pick<ConnectionDeps, 'db' | 'box' | 'clock'>, { id }: ConnectionRow) {
  await db.transaction(async (tx) => {
    // Whoever changes the connection holds its row; so do we.
    await tx.$queryRaw`SELECT 1 FROM connections WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.connection.findUnique({ where: { id } });
    const limits = row && limitsIn(box, row);
    if (limits) await setGroupLimits(tx, rateLimitKey.connection(row), limits, dateNow(clock));
  });
}

/** Null for none, and where nobody can read them any more: whoever uses the connection says so. */
function limitsIn(box: SecretBox, row: ConnectionRow): GroupLimits | null {
  try {
    const limits = laneLimitsOf(JSON.parse(box.open(row.config, identity(row.id))));
    return limits.intervalMs === null && limits.concurrency === null ? null : limits;
  } catch (error) {
    if (isAppError(error, 'secret_unreadable')) return null;
    throw error;
  }
}

/** @returns whether there was one */
export async function disconnect(
  deps: ConnectionDeps,
  place: { locationId: string; providerKey: string },
  actor: Actor,
): Promise<boolean> {
  const { locationId, providerKey } = place;
  const gone = await deps.db.transaction(async (tx) => {
    const rows = await tx.connection.findMany({ where: { locationId, providerKey, dormantSince: null }, select: { id: true } });
    const { count } = await tx.connection.deleteMany({ where: { id: { in: rows.map(({ id }) => id) } } });
    if (count > 0) await audit(tx, deps, { actor, action: 'channel_disconnected', locationId, details: `${providerKey}.` });
    return count > 0 ? rows : [];
  });
  for (const { id } of gone) deps.box.evict(identity(id));
  return gone.length > 0;
}

/** Places whose channel somebody has disconnected since; what an uninstall takes away is not among them. */
export async function disconnectedSince(on: Executor, since: Date): Promise<{ locationId: string; providerKey: string }[]> {
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
export async function findConnection(
  deps: ConnectionDeps,
  place: { locationId: string; providerKey: string },
): Promise<Connection | null> {
  const row = await deps.db.client.connection.findUnique({ where: { locationId_providerKey: place, dormantSince: null } });
  return row && openConnection(deps, row);
}

/** The stored connection of a place; many places in one statement. */
export type ConnectionReader = (place: { locationId: string; providerKey: string }) => Promise<ConnectionRow | null>;

export function connectionReader(db: Database): ConnectionReader {
  const nameOf = ({ locationId, providerKey }: { locationId: string; providerKey: string }) => `${locationId}/${providerKey}`;
  return createLoader(nameOf, async (places) => {
    const OR = places.map(({ locationId, providerKey }) => ({ locationId, providerKey }));
    const rows = await db.client.connection.findMany({ where: { dormantSince: null, OR } });
    return new Map(rows.map((row) => [nameOf(row), row]));
  });
}

/** @throws AppError `not_found` */
export async function connectionById(deps: ConnectionDeps, id: string): Promise<Connection> {
  const row = await deps.db.client.connection.findUnique({ where: { id, dormantSince: null } });
  if (!row) throw new AppError('not_found', 'There is no such connection.');
  return openConnection(deps, row);
}

/** A location's connections, oldest first. */
export async function connectionsOf(deps: ConnectionDeps, locationId: string): Promise<Connection[]> {
  const rows = await deps.db.client.connection.findMany({ where: { locationId, dormantSince: null }, orderBy: { id: 'asc' } });
  return rows.map((row) => openConnection(deps, row));
}

/**
 * Returns a connection's config as people may see it: without its secrets, and without what is often one in an address.
 *
 * @param canWrite who may change it sees addresses whole, as they must be given back whole
 */
export function publicConfig(connection: Connection, canWrite: boolean): Record<string, unknown> {
  const secret = new Set(sensitiveFields(connection.channel.configSchema));
  const shown = Object.entries(connection.config).filter(([name]) => !secret.has(name));
  return Object.fromEntries(shown.map(([name, value]) => [name, canWrite ? value : maskAddress(value)]));
}

/** Hides the user info of an address and the values of its query, such as an API key. */
function maskAddress(value: unknown): unknown {
  if (typeof value !== 'string' || !/^https?:/i.test(value) || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.username || url.password) [url.username, url.password] = ['***', ''];
  for (const name of [...url.searchParams.keys()]) url.searchParams.set(name, '***');
  return url.href;
}

/** What its far side calls, by event. */
export function callbackUrlsOf({ channel, callbackUrl }: Connection): Record<string, string> {
  return Object.fromEntries((channel.callbacks ?? ['status', 'inbound']).map((event) => [event, `${callbackUrl}/${event}`]));
}

/** A stored connection, ready to use. @throws AppError `request_invalid`: this process has no such channel; `secret_unreadable` */
export function openConnection(deps: ConnectionDeps, row: ConnectionRow): Connection {
  return {
    id: row.id,
    locationId: row.locationId,
    providerKey: row.providerKey,
    channel: channelOfType(deps.channels, row.type),
    config: JSON.parse(deps.box.open(row.config, identity(row.id))),
    previousConfig: openPrevious(deps, row),
    callbackUrl: `${deps.appUrl}/channels/${row.id}`,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** The stored values of the secret fields that are left out, if the same channel was connected before. */
async function keptSecrets(
  deps: ConnectionDeps,
  place: { locationId: string; providerKey: string },
  channel: Channel,
  wanted: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const leftOut = sensitiveFields(channel.configSchema).filter((name) => !(name in wanted));
  // With every secret given, nothing old is opened: that is the way out when the old key is lost or the old channel is gone.
  if (leftOut.length === 0) return {};
  const row = await deps.db.client.connection.findUnique({ where: { locationId_providerKey: place } });
  if (row?.type !== channel.type) return {};
  const { config } = openConnection(deps, row);
  return Object.fromEntries(Object.entries(config).filter(([name]) => leftOut.includes(name)));
}

/**
 * What a config comes to with the secrets that it leaves out, or all that does not fit.
 *
 * @param words zod's words in the reader's language
 * @throws AppError `request_invalid`: no such channel type
 */
export async function checkConfig(
  deps: ConnectionDeps,
  place: { locationId: string; providerKey: string },
  wanted: { type: string; config: Record<string, unknown> },
  words?: z.core.$ZodErrorMap,
): Promise<{ config: object } | { issues: readonly z.core.$ZodIssue[] }> {
  const channel = channelOfType(deps.channels, wanted.type);
  const whole = { ...(await keptSecrets(deps, place, channel, wanted.config)), ...wanted.config };
  const result: z.ZodSafeParseResult<object> = channel.configSchema
    .extend(deliverySettings)
    .safeParse(whole, words ? { error: words } : undefined);
  return result.success ? { config: result.data } : { issues: result.error.issues };
}
