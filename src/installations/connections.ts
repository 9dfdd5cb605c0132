import type * as z from 'zod';
import { type Channel, type ConnectionOf, sensitiveFields } from '../channels/channel.ts';
import { type Channels, channelOfType } from '../channels/registry.ts';
import { type Clock, nowOf } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database } from '../database/client.ts';
import { type Actor, audit } from './audit.ts';

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
  const config = parseConfig(channel, { ...(await keptSecrets(deps, place, channel, wanted.config)), ...wanted.config });

  const now = nowOf(deps.clock);
  const row = await deps.db.transaction(async (tx) => {
    // The id comes first: it binds the sealed config to its row. An upsert keeps two who connect at once from failing.
    const newId = deps.newId();
    const { id, dormantSince } = await tx.connection.upsert({
      where: { locationId_providerKey: place },
      create: { id: newId, ...place, type: channel.type, config: '', createdAt: now, updatedAt: now },
      update: {},
    });
    const sealed = deps.box.seal(JSON.stringify(config), identity(id));
    const action = id === newId || dormantSince ? 'channel_connected' : 'channel_changed';
    await audit(tx, deps, { actor, action, locationId: place.locationId, details: `${place.providerKey}: ${channel.type}.` });
    return tx.connection.update({
      where: { id },
      data: { type: channel.type, config: sealed, dormantSince: null, updatedAt: now },
    });
  });
  return opened(deps, row);
}

/** @returns whether there was one */
export function disconnect(
  deps: ConnectionDeps,
  place: { locationId: string; providerKey: string },
  actor: Actor,
): Promise<boolean> {
  const { locationId, providerKey } = place;
  return deps.db.transaction(async (tx) => {
    const { count } = await tx.connection.deleteMany({ where: { locationId, providerKey, dormantSince: null } });
    if (count > 0) await audit(tx, deps, { actor, action: 'channel_disconnected', locationId, details: `${providerKey}.` });
    return count > 0;
  });
}

/** The connection that a location has for a provider, if any. */
export async function findConnection(
  deps: ConnectionDeps,
  place: { locationId: string; providerKey: string },
): Promise<Connection | null> {
  const row = await deps.db.client.connection.findUnique({ where: { locationId_providerKey: place, dormantSince: null } });
  return row && opened(deps, row);
}

/** @throws AppError `not_found` */
export async function connectionById(deps: ConnectionDeps, id: string): Promise<Connection> {
  const row = await deps.db.client.connection.findUnique({ where: { id, dormantSince: null } });
  if (!row) throw new AppError('not_found', 'There is no such connection.');
  return opened(deps, row);
}

/** A location's connections, oldest first. */
export async function connectionsOf(deps: ConnectionDeps, locationId: string): Promise<Connection[]> {
  const rows = await deps.db.client.connection.findMany({ where: { locationId, dormantSince: null }, orderBy: { id: 'asc' } });
  return rows.map((row) => opened(deps, row));
}

/** A connection's config as people may see it: without its secrets. */
export function publicConfig(connection: Connection): Record<string, unknown> {
  const secret = new Set(sensitiveFields(connection.channel.configSchema));
  return Object.fromEntries(Object.entries(connection.config).filter(([name]) => !secret.has(name)));
}

function opened(deps: ConnectionDeps, row: ConnectionRow): Connection {
  return {
    id: row.id,
    locationId: row.locationId,
    providerKey: row.providerKey,
    channel: channelOfType(deps.channels, row.type),
    config: JSON.parse(deps.box.open(row.config, identity(row.id))),
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
  const { config } = opened(deps, row);
  return Object.fromEntries(Object.entries(config).filter(([name]) => leftOut.includes(name)));
}

function parseConfig(channel: Channel, config: Record<string, unknown>): object {
  const result: z.ZodSafeParseResult<object> = channel.configSchema.safeParse(config);
  if (result.success) return result.data;
  throw new AppError('request_invalid', `The config does not fit a ${channel.title}.`, {
    details: result.error.issues.map((issue) => `config.${issue.path.join('.')}: ${issue.message}`),
  });
}

/** What a sealed config is bound to. */
export function identity(id: string): string {
  return `connections/${id}/config`;
}
