import { type Actor, audit } from '../audit/audit-log.ts';
import { type Channels, getChannel } from '../channels/registry.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database } from '../database/client.ts';
import { freeGroups, noWorkerId, setGroupOwner } from '../queue/group-owner.ts';
import { setGroupLimits } from '../queue/rate-limits.ts';
import { type ConfigInput, checkConfig } from './check-config.ts';
import type { Connection, ConnectionRef } from './connection.ts';
import { toGroupLimits } from './limits.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { configAad, retainPreviousConfig } from './sealed-config.ts';

export interface ConnectDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  channels: Channels;
  decryptConnection(row: ConnectionRow): Connection;
}

/**
 * Connects a channel, or changes the connected one. Omitted secret fields retain their stored value, as the API never returns them.
 *
 * @throws AppError `request_invalid` with every problem of the config
 */
export async function connect(deps: ConnectDeps, ref: ConnectionRef, input: ConfigInput, actor: Actor): Promise<Connection> {
  const { locationId, providerKey } = ref;
  const channel = getChannel(deps.channels, input.type);
  const checked = await checkConfig(deps, ref, input);
  if ('issues' in checked) {
    throw new AppError('request_invalid', `The config is not valid for a ${channel.title}.`, {
      details: checked.issues.map((issue) => `config.${issue.path.join('.')}: ${issue.message}`),
    });
  }
  const { config } = checked;

  const now = dateNow(deps.clock);
  const row = await deps.db.transaction(async (tx) => {
    // The id comes first, as it binds the sealed config to its row. With an upsert, two concurrent calls both succeed.
    const newId = deps.newId();
    const { id, disabledAt, ...before } = await tx.connection.upsert({
      where: { locationId_providerKey: { locationId, providerKey } },
      create: { id: newId, locationId, providerKey, type: channel.type, config: '', createdAt: now, updatedAt: now },
      update: {},
    });
    const sealed = deps.box.seal(JSON.stringify(config), configAad(id));
    const action = id === newId || disabledAt ? 'channel_connected' : 'channel_changed';
    await audit(tx, deps, { actor, action, locationId, providerKey, details: `${providerKey}: ${channel.type}.` });
    await setGroupLimits(tx, toConnectionGroupKey(ref), toGroupLimits(config), now);
    // Until a worker has opened the session, no worker claims the jobs that it carries.
    await setGroupOwner(tx, [toConnectionGroupKey(ref)], channel.session?.carriesSends ? noWorkerId : null, now);
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
  return deps.decryptConnection(row);
}

/** Deletes the connection of a location for a provider. @returns false when there is no such connection */
export async function disconnect(
  deps: Pick<ConnectDeps, 'db' | 'box' | 'clock' | 'newId'>,
  { locationId, providerKey }: ConnectionRef,
  actor: Actor,
): Promise<boolean> {
  const removed = await deps.db.transaction(async (tx) => {
    const rows = await tx.connection.findMany({ where: { locationId, providerKey, disabledAt: null }, select: { id: true } });
    const { count } = await tx.connection.deleteMany({ where: { id: { in: rows.map(({ id }) => id) } } });
    if (count === 0) return [];
    await freeGroups(tx, [toConnectionGroupKey({ locationId, providerKey })]);
    await audit(tx, deps, { actor, action: 'channel_disconnected', locationId, providerKey, details: `${providerKey}.` });
    return rows;
  });
  for (const { id } of removed) deps.box.evict(configAad(id));
  return removed.length > 0;
}
