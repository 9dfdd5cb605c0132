import { type ConfigSchema, resolveField, toInputSchema } from '../channels/config-schema.ts';
import type { Connection } from './connection.ts';

/** A shorter secret may be an ordinary word of a message. */
const minSecretLength = 6;

/** Replaces the secrets of a connection's config in a text of its vendor, which may repeat what was sent to it. */
export function redactSecrets({ channel, config, previousConfig }: Connection, text: string): string {
  const root = toInputSchema(channel.configSchema);
  const secrets = [config, previousConfig].flatMap((values) => listSecrets(root, root, values, false));
  // The longest first: a secret may contain another.
  return secrets.sort((one, other) => other.length - one.length).reduce(redact, text);
}

function redact(text: string, secret: string): string {
  return text.replaceAll(secret, '[redacted]');
}

function listSecrets(given: ConfigSchema, root: ConfigSchema, value: unknown, isInSecret: boolean): string[] {
  const branches = listBranches(given, root);
  const isSecret = isInSecret || branches.some(({ sensitive }) => sensitive === true);
  if (typeof value === 'string') return isSecret && value.length >= minSecretLength ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    branches.flatMap((branch) => listSecrets(toMemberSchema(branch, name), root, inner, isSecret)),
  );
}

/** Lists a schema and its alternatives. */
function listBranches(given: ConfigSchema, root: ConfigSchema): ConfigSchema[] {
  const { schema } = resolveField(given, root);
  const others = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])] as ConfigSchema[];
  return [schema, ...others.flatMap((one) => listBranches(one, root))];
}

function toMemberSchema({ properties, prefixItems, items, additionalProperties }: ConfigSchema, name: string): ConfigSchema {
  const own = properties?.[name] ?? prefixItems?.[Number(name)] ?? items ?? additionalProperties;
  return typeof own === 'object' && !Array.isArray(own) ? (own as ConfigSchema) : {};
}
