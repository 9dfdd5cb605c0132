import type * as z from 'zod';
import type { Channel } from '../channels/channel.ts';
import { findSecretFields, listSecretPaths, omitsSecret, retainSecrets } from '../channels/config-schema.ts';
import { deliverySettings } from '../channels/delivery-settings.ts';
import { type Channels, getChannel } from '../channels/registry.ts';
import { listMovedSecrets } from '../channels/secret-targets.ts';
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
 * Validates a config, completed with the stored values of the secrets that it omits, and with new values where the program makes them. A
 * stored secret is not sent to another host than before: then it must be given again.
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
  const schema = channel.configSchema.extend(deliverySettings);
  const complete = (config: Record<string, unknown>) => generateOmittedValues(deps.random, channel.configSchema, config);
  const result: z.ZodSafeParseResult<object> = schema.safeParse(complete(known), errorMap ? { error: errorMap } : undefined);
  if (!result.success) return { issues: result.error.issues };
  // Fields that a newer version has added have their defaults.
  const before = channel.configSchema.safeParse(stored).data ?? stored;
  const moved = listMovedSecrets(channel.configSchema, { given: input.config, stored: before, config: result.data });
  if (moved.length === 0) return { config: result.data };
  // A secret that the program makes is made anew.
  const remade = complete(omitPaths(known, moved));
  const missing = moved.filter((path) => !listSecretPaths(fields, remade).includes(path));
  return missing.length === 0 ? { config: schema.parse(remade) } : { issues: missing.map(toMovedIssue) };
}

/** Code of the issue of a secret that is kept although the address that it is sent to changes. */
export const secretMovedCode = 'secret_moved';

function toMovedIssue(path: string): z.core.$ZodIssue {
  const message = 'must be given again, as the address that it is sent to has changed';
  return { code: 'custom', path: path.split('.'), message, params: { code: secretMovedCode }, input: undefined };
}

/** Returns a config without the values at some paths. */
function omitPaths(config: Record<string, unknown>, paths: readonly string[]): Record<string, unknown> {
  const copy = structuredClone(config);
  for (const path of paths) {
    const names = path.split('.');
    const last = names.pop() as string;
    delete names.reduce((at, name) => at[name] as Record<string, unknown>, copy)[last];
  }
  return copy;
}

/** Returns the stored config, if the same channel was connected before. */
async function loadStoredConfig(deps: CheckConfigDeps, target: ConnectionTarget, channel: Channel): Promise<object> {
  const row = await findTargetRow(deps.db.client, target);
  return row?.type === channel.type ? deps.decryptConnection(row).config : {};
}
