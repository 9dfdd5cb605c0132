import type { Channel } from '../channels/channel.ts';
import { listSensitiveFields } from '../channels/config-schema.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Executor } from '../database/client.ts';

interface SealedConfigDeps {
  box: SecretBox;
  clock: Clock;
}

/** What a sealed config is bound to. */
export function configAad(connectionId: string): string {
  return `connections/${connectionId}/config`;
}

const previousConfigTtlMs = 24 * 60 * 60 * 1000;

/** Keeps the config whose secrets are replaced for a day; a connection that had none, or another channel, keeps nothing. */
export function retainPreviousConfig(
  deps: Pick<SealedConfigDeps, 'box'>,
  row: Pick<ConnectionRow, 'id' | 'type' | 'config'>,
  channel: Channel,
  config: object,
  now: Date,
) {
  if (row.config === '' || row.type !== channel.type) return { previousConfig: null, previousConfigExpiresAt: null };
  const toSecretsJson = (of: object) =>
    JSON.stringify(listSensitiveFields(channel.configSchema).map((name) => Object.entries(of).find(([key]) => key === name)));
  try {
    const previous = JSON.parse(deps.box.open(row.config, configAad(row.id)));
    if (toSecretsJson(previous) === toSecretsJson(config)) return {};
  } catch (error) {
    // With a lost key nobody can read what was before; it is replaced.
    if (isAppError(error, 'secret_unreadable')) return { previousConfig: null, previousConfigExpiresAt: null };
    throw error;
  }
  return { previousConfig: row.config, previousConfigExpiresAt: new Date(now.getTime() + previousConfigTtlMs) };
}

/** The config before its secrets were changed, while they are still good. Without its key the present one works all the same. */
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

/** Deletes the configs whose secrets are no longer good. */
export async function purgePreviousConfigs(on: Executor, now: Date): Promise<void> {
  await on.connection.updateMany({
    where: { previousConfigExpiresAt: { lte: now } },
    data: { previousConfig: null, previousConfigExpiresAt: null },
  });
}
