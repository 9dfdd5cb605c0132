import type * as z from 'zod';
import type { Channel } from '../channels/channel.ts';
import { findSecretFields, omitsSecret, retainSecrets } from '../channels/config-schema.ts';
import { deliverySettings } from '../channels/delivery-settings.ts';
import { type Channels, getChannel } from '../channels/registry.ts';
import type { RandomSource } from '../core/ids.ts';
import type { Connection as ConnectionRow, Database } from '../database/client.ts';
import type { Connection, ConnectionTarget } from './connection.ts';
import { findTargetRow } from './find.ts';
import { generateOmittedValues } from './generate-secrets.ts';

/** A channel's type and config as a caller submits them. */
export interface ConfigInput {
  type: string;
  config: Record<string, unknown>;
}

export interface CheckConfigDeps {
  db: Database;
  channels: Channels;
  random: RandomSource;
  decryptConnection(row: ConnectionRow): Connection;
}

/**
 * Validates a config, completed with the stored values of the secrets that it omits, and with new values where the program makes them.
 *
 * @param errorMap zod's messages in the reader's language
 * @throws AppError `request_invalid`: no such channel type
 */
export async function checkConfig(
  deps: CheckConfigDeps,
  target: ConnectionTarget,
  input: ConfigInput,
  errorMap?: z.core.$ZodErrorMap,
): Promise<{ config: object } | { issues: readonly z.core.$ZodIssue[] }> {
  const channel = getChannel(deps.channels, input.type);
  const fields = findSecretFields(channel.configSchema);
  // With every secret given, the stored config is not decrypted: so a user can reconnect after the old key or the old channel is lost.
  const stored = omitsSecret(fields, input.config) ? await loadStoredConfig(deps, target, channel) : {};
  const known = retainSecrets(fields, input.config, stored);
  const merged = generateOmittedValues(deps.random, channel.configSchema, known);
  const result: z.ZodSafeParseResult<object> = channel.configSchema
    .extend(deliverySettings)
    .safeParse(merged, errorMap ? { error: errorMap } : undefined);
  return result.success ? { config: result.data } : { issues: result.error.issues };
}

/** Returns the stored config, if the same channel was connected before. */
async function loadStoredConfig(deps: CheckConfigDeps, target: ConnectionTarget, channel: Channel): Promise<object> {
  const row = await findTargetRow(deps.db.client, target);
  return row?.type === channel.type ? deps.decryptConnection(row).config : {};
}
