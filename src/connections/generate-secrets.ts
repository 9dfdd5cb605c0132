import type * as z from 'zod';
import { type ConfigSchema, resolveField, toInputSchema } from '../channels/config-schema.ts';
import { valueGenerators } from '../channels/generated-fields.ts';
import type { RandomSource } from '../core/ids.ts';

/**
 * Completes a config with values for the fields that have a generator and that it leaves out, also in the objects that it has. A required
 * field is the caller's: the vendor needs the same value, and no response returns it.
 */
export function generateOmittedValues(
  random: RandomSource,
  schema: z.ZodObject,
  config: Record<string, unknown>,
): Record<string, unknown> {
  const root = toInputSchema(schema);
  return complete(random, root, root, config);
}

function complete(
  random: RandomSource,
  root: ConfigSchema,
  { properties = {}, required = [] }: ConfigSchema,
  config: Record<string, unknown>,
): Record<string, unknown> {
  const added = Object.entries(properties).flatMap(([name, property]): [string, unknown][] => {
    const value = config[name];
    const { schema } = resolveField(property as ConfigSchema, root);
    if (value === undefined) {
      const generate = required.includes(name) ? undefined : valueGenerators[String(schema.generate)];
      return generate ? [[name, generate(random)]] : [];
    }
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && schema.properties !== undefined;
    return isObject ? [[name, complete(random, root, schema, value as Record<string, unknown>)]] : [];
  });
  return { ...config, ...Object.fromEntries(added) };
}
