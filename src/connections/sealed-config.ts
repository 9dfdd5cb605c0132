import { isDeepStrictEqual } from 'node:util';
import type { Channel } from '../channels/channel.ts';
import { findSecretFields, pickSecrets } from '../channels/config-schema.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { countTokensOfOlderKeys, reencryptGrant } from './oauth-grants.ts';

interface SealedConfigDeps {
  box: SecretBox;
  clock: Clock;
}

/** Returns the start of the additional authenticated data of all that is sealed for a connection. */
export function connectionAadPrefix(connectionId: string): string {
  return `connections/${connectionId}/`;
}

/** Returns the additional authenticated data (AES-GCM) that binds a sealed state to its row. */
export function stateAad(connectionId: string): string {
  return `${connectionAadPrefix(connectionId)}state`;
}

/** Returns the additional authenticated data (AES-GCM) that binds a sealed config to its row. */
export function configAad(connectionId: string): string {
  return `${connectionAadPrefix(connectionId)}config`;
}

const previousConfigTtlMs = 24 * 60 * 60 * 1000;

/**
 * Retains the config whose secrets are replaced for a day, as the vendor may still sign with them. A new connection, or one that had
 * another channel, has no previous config.
 */
export function retainPreviousConfig(
  { box }: Pick<SealedConfigDeps, 'box'>,
  row: Pick<ConnectionRow, 'id' | 'type' | 'config'>,
  channel: Channel,
  config: object,
  now: Date,
) {
  if (row.config === '' || row.type !== channel.type) return { previousConfig: null, previousConfigExpiresAt: null };
  const fields = findSecretFields(channel.configSchema);
  try {
    const previous = JSON.parse(box.open(row.config, configAad(row.id)));
    if (isDeepStrictEqual(pickSecrets(fields, previous), pickSecrets(fields, config))) return {};
  } catch (error) {
    // Its key is lost, so the previous config cannot be used.
    if (isAppError(error, 'secret_unreadable')) return { previousConfig: null, previousConfigExpiresAt: null };
    throw error;
  }
  return { previousConfig: row.config, previousConfigExpiresAt: new Date(now.getTime() + previousConfigTtlMs) };
}

/** Decrypts the previous config until it expires. If its key is lost, the current config still works. */
export function decryptPreviousConfig({ box, clock }: SealedConfigDeps, row: ConnectionRow): object | undefined {
  const { previousConfig, previousConfigExpiresAt } = row;
  if (!previousConfig || !previousConfigExpiresAt || previousConfigExpiresAt <= dateNow(clock)) return undefined;
  try {
    return JSON.parse(box.open(previousConfig, configAad(row.id)));
  } catch (error) {
    if (isAppError(error, 'secret_unreadable')) return undefined;
    throw error;
  }
}

/** Deletes previous configs that have expired. */
export async function purgePreviousConfigs(on: Executor, now: Date): Promise<void> {
  await on.connection.updateMany({
    where: { previousConfigExpiresAt: { lte: now } },
    data: { previousConfig: null, previousConfigExpiresAt: null },
  });
}

/** The sealed columns of a connection. */
export type SealedConfig = Pick<ConnectionRow, 'id' | 'config' | 'previousConfig' | 'state'>;

/** Lists the sealed configs that follow an id, in the order of ids. */
export function listSealedConfigs(on: Executor, afterId: string | undefined, maxCount: number): Promise<SealedConfig[]> {
  return on.connection.findMany({
    select: { id: true, config: true, previousConfig: true, state: true },
    orderBy: { id: 'asc' },
    take: maxCount,
    ...(afterId ? { where: { id: { gt: afterId } } } : {}),
  });
}

/** Counts all stored connections. */
export function countConnections(on: Executor): Promise<number> {
  return on.connection.count();
}

/** Counts the configs, states and tokens of connections that another key than the newest has sealed. */
export async function countConfigsOfOlderKeys(on: Executor, currentKeyPrefix: string): Promise<number> {
  const isOlder = { not: { startsWith: currentKeyPrefix } };
  const configCount = await on.connection.count({ where: { AND: [{ config: { not: '' } }, { config: isOlder }] } });
  const stateCount = await on.connection.count({ where: { AND: [{ state: { not: null } }, { state: isOlder }] } });
  return configCount + stateCount + (await countTokensOfOlderKeys(on, currentKeyPrefix));
}

/** Seals a connection's config, state and tokens again with the newest key, unless a concurrent write has replaced them. */
export async function reencryptConfig(
  { db, box }: { db: Database; box: SecretBox },
  { id, config, previousConfig, state }: SealedConfig,
): Promise<void> {
  if (config === '') return;
  const reencrypted = box.reencrypt(config, configAad(id));
  const previous = previousConfig === null ? null : reencryptPrevious(box, id, previousConfig);
  await db.client.connection.updateMany({ where: { id, config }, data: { config: reencrypted, previousConfig: previous } });
  await reencryptGrant({ db, box }, id);
  if (state === null) return;
  await db.client.connection.updateMany({ where: { id, state }, data: { state: box.reencrypt(state, stateAad(id)) } });
}

/** @returns null when the key is lost: the previous config must not prevent the current one from being sealed */
function reencryptPrevious(box: SecretBox, id: string, previousConfig: string): string | null {
  try {
    return box.reencrypt(previousConfig, configAad(id));
  } catch (error) {
    if (isAppError(error, 'secret_unreadable')) return null;
    throw error;
  }
}
