import type * as z from 'zod';
import {
  type ConfigSchema,
  containsSecret,
  findSecretFields,
  hasOwnFields,
  listSecretPaths,
  resolveField,
  toInputSchema,
} from './config-schema.ts';

/**
 * An address that a secret is sent to, by the paths of the fields that name it: a field with a URL, or those of a server. `unless` is a field
 * whose value is sent there in place of the secret.
 */
export type SecretTarget = string | { host: string; port?: string; encryption?: string; unless?: string };

/** Targets of each secret of a config, by its path; null for a secret whose field has no `sentTo`. */
export type SecretTargets = ReadonlyMap<string, readonly SecretTarget[] | null>;

/** Finds where each secret of a channel's config is sent, as the members `sentTo` of `.meta()` say. */
export function findSecretTargets(schema: z.ZodObject): SecretTargets {
  const root = toInputSchema(schema);
  const found = new Map<string, readonly SecretTarget[] | null>();
  collectTargets(root, root, '', [], found);
  return found;
}

function collectTargets(
  schema: ConfigSchema,
  root: ConfigSchema,
  prefix: string,
  outer: readonly unknown[],
  found: Map<string, readonly SecretTarget[] | null>,
): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const given = property as ConfigSchema;
    if (!containsSecret(given, root)) continue;
    const { schema: own } = resolveField(given, root);
    const isObject = hasOwnFields(own) && !outer.includes(own.properties);
    if (isObject) collectTargets(own, root, `${prefix}${name}.`, [...outer, own.properties], found);
    else found.set(prefix + name, readTargets([given, own]));
  }
}

/** Reads the targets of a field that is secret as a whole. @returns null unless each secret in it names its own */
function readTargets(value: unknown): SecretTarget[] | null {
  if (typeof value !== 'object' || value === null) return [];
  const { sensitive, sentTo, ...members } = value as { sensitive?: unknown; sentTo?: SecretTarget | SecretTarget[] };
  if (sensitive === true) return sentTo === undefined ? null : [sentTo].flat();
  const inner = Object.values(members).map(readTargets);
  return inner.includes(null) ? null : inner.flatMap((targets) => targets ?? []);
}

/**
 * Lists the stored secrets that a changed config would send to another host than before. Whoever gave a secret has chosen the host that
 * receives it: another user who may change the host must not get it by that. Hosts are compared by origin: scheme, host and port.
 *
 * @param change.given the config as the caller gave it: a secret that it has is not a stored one
 * @param change.stored the stored config, as the schema reads it
 * @param change.config the new config, with the stored secrets
 */
export function listMovedSecrets(schema: z.ZodObject, { given, stored, config }: ConfigChange): string[] {
  const targets = findSecretTargets(schema);
  const kept = listSecretPaths(findSecretFields(schema), config).filter(
    (path) => readPath(given, path) === undefined && readPath(stored, path) !== undefined,
  );
  return kept.filter((path) => {
    const declared = targets.get(path) ?? null;
    if (declared === null) return true;
    const known = listOrigins(declared, stored);
    return listOrigins(declared, config).some((origin) => !known.includes(origin));
  });
}

export interface ConfigChange {
  readonly given: object;
  readonly stored: object;
  readonly config: object;
}

function listOrigins(targets: readonly SecretTarget[], config: object): string[] {
  return targets.flatMap((target) => toOrigin(target, config) ?? []);
}

/** @returns null for a target that the config does not have */
function toOrigin(target: SecretTarget, config: object): string | null {
  if (typeof target === 'string') {
    const address = readPath(config, target);
    if (address === undefined || address === null) return null;
    const url = URL.parse(String(address));
    return url ? `${url.protocol}//${url.host}` : String(address);
  }
  const { host, port, encryption, unless } = target;
  const [name, replacement] = [readPath(config, host), unless === undefined ? undefined : readPath(config, unless)];
  if (name === undefined || name === null || replacement !== undefined) return null;
  const details = [port, encryption].map((path) => (path === undefined ? null : (readPath(config, path) ?? null)));
  return JSON.stringify([String(name).toLowerCase(), ...details]);
}

function readPath(config: object, path: string): unknown {
  let value: unknown = config;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
