import * as z from 'zod';
import type { Connection } from './connection.ts';

type Schema = z.core.JSONSchema.JSONSchema & { sensitive?: boolean };

/** A shorter secret may be an ordinary word of a message. */
const minSecretLength = 6;

/** Replaces the secrets of a connection's config in a text of its vendor, which may repeat what was sent to it. */
export function redactSecrets({ channel, config, previousConfig }: Connection, text: string): string {
  const schema = z.toJSONSchema(channel.configSchema, { io: 'input', unrepresentable: 'any' }) as Schema;
  const secrets = [config, previousConfig].flatMap((values) => listSecrets(schema, values, false));
  // The longest first: a secret may contain another.
  return secrets.sort((one, other) => other.length - one.length).reduce(redact, text);
}

function redact(text: string, secret: string): string {
  return text.replaceAll(secret, '[redacted]');
}

function listSecrets(schema: Schema, value: unknown, isSecret: boolean): string[] {
  const isSensitive = isSecret || schema.sensitive === true;
  if (typeof value === 'string') return isSensitive && value.length >= minSecretLength ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  const branches = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])] as Schema[];
  return Object.entries(value).flatMap(([name, inner]) =>
    branches.flatMap((branch) => {
      const own = branch.properties?.[name] ?? branch.items ?? branch.additionalProperties ?? {};
      return typeof own === 'object' && !Array.isArray(own) ? listSecrets(own as Schema, inner, isSensitive) : [];
    }),
  );
}
