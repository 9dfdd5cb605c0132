import * as z from 'zod';

/**
 * Lists the names of a channel's secret fields: the program never returns them, and keeps them when an update omits them. A field with a
 * secret anywhere in it, be it optional, in an object or in a list, is secret as a whole.
 */
export function listSensitiveFields(schema: z.ZodObject): string[] {
  const cached = sensitiveFieldsCache.get(schema);
  if (cached) return cached;
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const names = Object.keys(properties).filter((name) => JSON.stringify(properties[name]).includes('"sensitive":true'));
  sensitiveFieldsCache.set(schema, names);
  return names;
}

const sensitiveFieldsCache = new WeakMap<z.ZodObject, string[]>();
