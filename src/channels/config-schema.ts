import * as z from 'zod';

/** JSON Schema of a config, with the members of `.meta()`. */
export type ConfigSchema = z.core.JSONSchema.JSONSchema & { [extra: string]: unknown };

/**
 * The secret fields of an object, by name. `secret` and `optional_secret` are kept and replaced as a whole; an object that contains secrets
 * has a map of its own.
 */
export type SecretFields = ReadonlyMap<string, 'secret' | 'optional_secret' | SecretFields>;

/** Returns the JSON Schema of a channel's input. */
export function toInputSchema(schema: z.ZodObject): ConfigSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', cycles: 'ref' }) as ConfigSchema;
}

/** Resolves a field's schema: what it refers to, without null. Members of the field itself win. */
export function resolveField(given: ConfigSchema, root: ConfigSchema): { schema: ConfigSchema; isNullable: boolean } {
  const { schema, isNullable } = stripNull(resolveRef(given, root));
  return { schema: resolveRef(schema, root), isNullable };
}

function resolveRef(schema: ConfigSchema, root: ConfigSchema): ConfigSchema {
  if (schema.$ref === '#') return root;
  const name = schema.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1];
  if (!name) return schema;
  const { $ref: _, ...own } = schema;
  return { ...((root.$defs?.[name] as ConfigSchema | undefined) ?? {}), ...own };
}

function stripNull(schema: ConfigSchema): { schema: ConfigSchema; isNullable: boolean } {
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const types = schema.type.filter((type) => type !== 'null');
    return { schema: { ...schema, type: (types.length === 1 ? types[0] : types) as never }, isNullable: true };
  }
  const others = schema.anyOf?.filter((one) => (one as ConfigSchema).type !== 'null') ?? [];
  const isNullable = others.length > 0 && others.length < (schema.anyOf?.length ?? 0);
  if (!isNullable || others.length !== 1) return { schema, isNullable };
  const { anyOf: _, ...rest } = schema;
  return { schema: { ...(others[0] as ConfigSchema), ...rest }, isNullable };
}

/** Returns whether a schema is, or contains, a secret. */
export function containsSecret(schema: ConfigSchema, root: ConfigSchema): boolean {
  const visited = new Set<string>();
  const contains = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null) return false;
    if (Array.isArray(value)) return value.some(contains);
    const { $ref, $defs: _, sensitive, ...members } = value as ConfigSchema;
    if (sensitive === true) return true;
    if (typeof $ref === 'string' && !visited.has($ref)) {
      visited.add($ref);
      if (contains(resolveRef({ $ref }, root))) return true;
    }
    return Object.values(members).some(contains);
  };
  return contains(schema);
}

const secretFieldsCache = new WeakMap<z.ZodObject, SecretFields>();

/**
 * Finds the secret fields of a channel's config: the program never returns them, and keeps them when an update omits them. Objects are
 * searched; any other field with a secret in it, such as a list of objects, is secret as a whole.
 */
export function findSecretFields(schema: z.ZodObject): SecretFields {
  const cached = secretFieldsCache.get(schema);
  if (cached) return cached;
  const root = toInputSchema(schema);
  const found = findSecrets(root, root, []);
  secretFieldsCache.set(schema, found);
  return found;
}

function findSecrets(schema: ConfigSchema, root: ConfigSchema, outer: readonly unknown[]): SecretFields {
  const found = new Map<string, 'secret' | 'optional_secret' | SecretFields>();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const given = property as ConfigSchema;
    if (!containsSecret(given, root)) continue;
    const { schema: own, isNullable } = resolveField(given, root);
    const isOptional = !isNullable && own.default === undefined && schema.required?.includes(name) !== true;
    const leaf = isOptional ? 'optional_secret' : 'secret';
    // An object that contains itself has no end.
    const isObject = hasOwnFields(own) && !outer.includes(own.properties);
    found.set(name, isObject ? findSecrets(own, root, [...outer, own.properties]) : leaf);
  }
  return found;
}

/** Returns whether a schema is an object of named fields alone, so that each secret in it is kept and replaced by itself. */
export function hasOwnFields(schema: ConfigSchema): boolean {
  return (
    schema.type === 'object' && schema.properties !== undefined && !schema.additionalProperties && schema.sensitive !== true
  );
}

type Values = Readonly<Record<string, unknown>>;

/** Returns the secrets of a config alone. */
export function pickSecrets(fields: SecretFields, config: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([name, value]): [string, unknown][] => {
      const inner = fields.get(name);
      if (inner === undefined || value === undefined) return [];
      if (typeof inner === 'string') return [[name, value]];
      const picked = isValues(value) ? pickSecrets(inner, value) : {};
      return Object.keys(picked).length > 0 ? [[name, picked]] : [];
    }),
  );
}

/** Returns a config without its secrets. */
export function omitSecrets(fields: SecretFields, config: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([name, value]): [string, unknown][] => {
      const inner = fields.get(name);
      if (inner === undefined) return [[name, value]];
      if (typeof inner !== 'string' && value === null) return [[name, null]];
      return typeof inner !== 'string' && isValues(value) ? [[name, omitSecrets(inner, value)]] : [];
    }),
  );
}

/** Returns whether a config leaves out a secret that may be stored. An object that is left out as a whole is removed. */
export function omitsSecret(fields: SecretFields, config: object): boolean {
  return [...fields].some(([name, inner]) => {
    const value = (config as Values)[name];
    if (typeof inner === 'string') return value === undefined;
    return isValues(value) && omitsSecret(inner, value);
  });
}

/** Completes a config with the stored secrets that it leaves out. Null removes a secret that is optional. */
export function retainSecrets(fields: SecretFields, config: object, stored: object): Record<string, unknown> {
  const completed: Record<string, unknown> = { ...config };
  for (const [name, inner] of fields) {
    const [value, kept] = [completed[name], (stored as Values)[name]];
    if (inner === 'optional_secret' && value === null) delete completed[name];
    else if (typeof inner === 'string') {
      if (value === undefined && kept !== undefined) completed[name] = kept;
    } else if (isValues(value)) {
      completed[name] = retainSecrets(inner, value, isValues(kept) ? kept : {});
    }
  }
  return completed;
}

/** Lists the paths of the secrets that a config has, with dots. */
export function listSecretPaths(fields: SecretFields, config: object, prefix = ''): string[] {
  return Object.entries(config).flatMap(([name, value]) => {
    const inner = fields.get(name);
    if (inner === undefined || value === undefined || value === null) return [];
    if (typeof inner === 'string') return [prefix + name];
    return isValues(value) ? listSecretPaths(inner, value, `${prefix}${name}.`) : [];
  });
}

function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
