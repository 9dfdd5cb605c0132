import * as z from 'zod';
import { valueGenerators } from '../channels/generated-fields.ts';
import type { RandomSource } from '../core/ids.ts';

/**
 * Generates values for the fields of a schema that have a generator and that a config leaves out. A required field is the caller's: the vendor
 * needs the same value, and no response returns it.
 */
export function generateOmittedValues(
  random: RandomSource,
  schema: z.ZodObject,
  config: Record<string, unknown>,
): Record<string, unknown> {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, property]) => {
      const isOmitted = config[name] === undefined && !required.includes(name);
      const generate = isOmitted ? valueGenerators[toGeneratorName(property) ?? ''] : undefined;
      return generate ? [[name, generate(random)]] : [];
    }),
  );
}

/** The name stands at the field, or inside where the field may be left out. */
function toGeneratorName(property: unknown): string | undefined {
  return /"generate":"(\w+)"/.exec(JSON.stringify(property))?.[1];
}
