import * as z from 'zod';

/** How a field is typed or chosen. `fixed` can't be; `json` is what has no better way. */
export type FieldKind =
  | 'text'
  | 'url'
  | 'email'
  | 'multiline'
  | 'lines'
  | 'number'
  | 'boolean'
  | 'choice'
  | 'choices'
  | 'group'
  | 'json'
  | 'fixed';

/** One field of a form that was made from a schema. */
export interface ConfigField {
  /** Where it stands in the config, with dots: the name of its input. */
  readonly name: string;
  readonly kind: FieldKind;
  /** What the schema calls it and says of it. */
  readonly title: string;
  readonly description: string | undefined;
  readonly placeholder: string | undefined;
  /** It must be given. */
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  /** Few will change it. */
  readonly isAdvanced: boolean;
  /** The name of what can make a value (`channels/generate.ts`). */
  readonly generate: string | undefined;
  /** Of a number. */
  readonly isInteger: boolean;
  /** What can be chosen, or the value of a `fixed` one. */
  readonly options: readonly (string | number | boolean)[];
  /** What holds when nothing is given. */
  readonly initial: unknown;
  /** Null stands for nothing given, where nothing may not be left out. */
  readonly isNullable: boolean;
  readonly fields: readonly ConfigField[];
}

/** What a form holds: inputs by name. */
export type FormValues = Record<string, unknown>;

type Schema = z.core.JSONSchema.JSONSchema & { [extra: string]: unknown };

const multilineMinLength = 300;

/** The fields that a form for this schema has, in the schema's order. */
export function toConfigFields(schema: z.ZodObject): ConfigField[] {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', cycles: 'ref' }) as Schema;
  return listFields(root, root, '');
}

function listFields(schema: Schema, root: Schema, prefix: string): ConfigField[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    toField(property as Schema, root, { name, prefix, isRequired: schema.required?.includes(name) ?? false }),
  );
}

function toField(
  given: Schema,
  root: Schema,
  { name, prefix, isRequired }: { name: string; prefix: string; isRequired: boolean },
): ConfigField {
  const { schema, isNullable } = stripNull(resolveRef(given, root));
  const own = { ...schema, ...given };
  const path = prefix + name;
  // A secret inside of something is kept and replaced with the whole of it.
  const isSecret = JSON.stringify(given).includes('"sensitive":true');
  const { kind, options } = toKind(schema, { isSecret, isRequired });
  return {
    name: path,
    kind,
    title: own.title ?? toTitle(name),
    description: own.description,
    placeholder: own.placeholder as string | undefined,
    isRequired: isRequired && !isNullable && kind !== 'boolean',
    isSecret,
    isAdvanced: own.advanced === true,
    generate: own.generate as string | undefined,
    isInteger: schema.type === 'integer',
    options,
    initial: own.default,
    isNullable: isNullable && isRequired,
    fields: kind === 'group' ? listFields(schema, root, `${path}.`) : [],
  };
}

function resolveRef(schema: Schema, root: Schema): Schema {
  const name = schema.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1];
  return name ? ((root.$defs?.[name] as Schema | undefined) ?? schema) : schema;
}

function stripNull(schema: Schema): { schema: Schema; isNullable: boolean } {
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const types = schema.type.filter((type) => type !== 'null');
    return { schema: { ...schema, type: (types.length === 1 ? types[0] : types) as never }, isNullable: true };
  }
  const others = schema.anyOf?.filter((one) => (one as Schema).type !== 'null') ?? [];
  const isNullable = others.length > 0 && others.length < (schema.anyOf?.length ?? 0);
  if (!isNullable || others.length !== 1) return { schema, isNullable };
  const { anyOf: _, ...rest } = schema;
  return { schema: { ...(others[0] as Schema), ...rest }, isNullable };
}

function toKind(
  schema: Schema,
  { isSecret, isRequired }: { isSecret: boolean; isRequired: boolean },
): Pick<ConfigField, 'kind' | 'options'> {
  const plain = (kind: FieldKind) => ({ kind, options: [] });
  if (schema.type === 'string' && !schema.enum && schema.const === undefined) return plain(toTextKind(schema, isSecret));
  if (isSecret) return plain('json');
  if (schema.const !== undefined) return { kind: isRequired ? 'fixed' : 'choice', options: toOptions([schema.const]) };
  if (schema.enum) return { kind: 'choice', options: toOptions(schema.enum) };
  if (schema.type === 'number' || schema.type === 'integer') return plain('number');
  if (schema.type === 'boolean') return plain('boolean');
  if (schema.type === 'object' && schema.properties && !schema.additionalProperties) return plain('group');
  const items = schema.type === 'array' ? (schema.items as Schema | undefined) : undefined;
  if (items?.enum) return { kind: 'choices', options: toOptions(items.enum) };
  return plain(items?.type === 'string' ? 'lines' : 'json');
}

function toOptions(values: readonly unknown[]): ConfigField['options'] {
  return values.filter((value) => ['string', 'number', 'boolean'].includes(typeof value)) as ConfigField['options'];
}

function toTextKind(schema: Schema, isSecret: boolean): FieldKind {
  if (schema.multiline === true || (!isSecret && (schema.maxLength ?? 0) > multilineMinLength)) return 'multiline';
  return schema.format === 'uri' ? 'url' : schema.format === 'email' ? 'email' : 'text';
}

/** `ratePerSecond` → `Rate per second`. */
function toTitle(name: string): string {
  const words = name
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The config that a filled in form asks for. What was left empty is left out; what is of the wrong kind stays as it was typed. */
export function readConfig(fields: readonly ConfigField[], values: FormValues): Record<string, unknown> {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const value = readField(field, values);
      return value === undefined ? [] : [[field.name.split('.').at(-1) as string, value]];
    }),
  );
}

function readField(field: ConfigField, values: FormValues): unknown {
  if (field.kind === 'fixed') return field.options[0];
  if (field.kind === 'group') return readGroup(field, values);
  const given = values[field.name];
  if (field.kind === 'boolean') return given === 'on';
  if (field.kind === 'choices')
    return readList(
      field,
      toList(given).map((one) => toOption(field, one)),
    );
  const typed = String(Array.isArray(given) ? given.at(-1) : (given ?? ''));
  if (field.kind === 'lines')
    return readList(
      field,
      typed
        .split(/\r?\n/)
        .map((line) => line.trim())
        .filter(Boolean),
    );
  const text = field.kind === 'multiline' ? typed.replaceAll('\r\n', '\n') : typed.trim();
  if (text === '') return field.isNullable ? null : undefined;
  if (field.kind === 'number') return parseNumber(text);
  if (field.kind === 'choice') return toOption(field, text);
  return field.kind === 'json' ? parseJson(text) : text;
}

/** With a comma or a point, as people write it; what is no number stays what it is. */
function parseNumber(text: string): number | string {
  const value = Number(text.replace(/^(-?\d+),(\d+)$/, '$1.$2'));
  return Number.isFinite(value) ? value : text;
}

function readGroup(field: ConfigField, values: FormValues): unknown {
  const inner = readConfig(field.fields, values);
  const isEmpty = Object.entries(inner).every(([, value]) => value === false || (Array.isArray(value) && value.length === 0));
  return isEmpty && !field.isRequired ? (field.isNullable ? null : undefined) : inner;
}

/** None chosen where there is a default is not the same as the default. */
function readList(field: ConfigField, chosen: readonly unknown[]): unknown {
  return chosen.length > 0 || field.isRequired || field.initial !== undefined ? chosen : undefined;
}

function toList(given: unknown): unknown[] {
  return given === undefined || given === '' ? [] : Array.isArray(given) ? given : [given];
}

function toOption(field: ConfigField, typed: unknown): unknown {
  return field.options.find((option) => String(option) === typed) ?? typed;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A config as a form holds it; with nothing given, what the schema would make of that. Secrets are never in it. */
export function toFormValues(fields: readonly ConfigField[], config: Record<string, unknown> | undefined): FormValues {
  return Object.fromEntries(
    fields.flatMap((field): [string, unknown][] => {
      const given = config?.[field.name.split('.').at(-1) as string];
      if (field.kind === 'group')
        return Object.entries(toFormValues(field.fields, (given as Record<string, unknown>) ?? undefined));
      if (field.isSecret || field.kind === 'fixed') return [];
      // Only a config that is not there yet has defaults: what was left out of one that is there was left out.
      const value = given ?? (config === undefined || field.kind === 'boolean' ? field.initial : undefined);
      return value === undefined || value === null ? [] : [[field.name, toInputValue(field, value)]];
    }),
  );
}

function toInputValue({ kind }: ConfigField, value: unknown): unknown {
  if (kind === 'boolean') return value === true ? 'on' : '';
  if (kind === 'choices') return toList(value).map(String);
  if (kind === 'lines') return toList(value).join('\n');
  return kind === 'json' ? JSON.stringify(value) : String(value);
}
