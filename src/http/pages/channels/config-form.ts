import type * as z from 'zod';
import {
  type ConfigSchema,
  containsSecret,
  hasOwnFields,
  resolveField,
  toInputSchema,
} from '../../../channels/config-schema.ts';

/** The kind of input of a field. `fixed` has no input; `json` is the fallback. */
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

/** One field of a form that is generated from a schema. */
export interface ConfigField {
  /** Its path in the config, with dots; also the name of its input. */
  readonly name: string;
  readonly kind: FieldKind;
  /** Title and description from the schema. */
  readonly title: string;
  readonly description: string | undefined;
  readonly placeholder: string | undefined;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  /** A group that a new config has, though it may be left out. */
  readonly isSuggested: boolean;
  /** Shown under *More settings*. */
  readonly isAdvanced: boolean;
  /** The generator of its value (`channels/generated-fields.ts`). */
  readonly generate: string | undefined;
  /** For numbers. */
  readonly isInteger: boolean;
  /** The values to choose from, or the value of a `fixed` field. */
  readonly options: readonly (string | number | boolean)[];
  /** The default. */
  readonly initial: unknown;
  /** An empty input becomes null: the schema requires the field but allows null. */
  readonly isNullable: boolean;
  readonly fields: readonly ConfigField[];
}

/** Submitted values by input name. */
export type FormValues = Record<string, unknown>;

const multilineMinLength = 300;
const maxGroupDepth = 5;

/** Generates the form fields of a schema, in the schema's order. */
export function toConfigFields(schema: z.ZodObject): ConfigField[] {
  const root = toInputSchema(schema);
  return listFields(root, root, '');
}

function listFields(schema: ConfigSchema, root: ConfigSchema, prefix: string): ConfigField[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    toField(property as ConfigSchema, root, { name, prefix, isRequired: schema.required?.includes(name) ?? false }),
  );
}

function toField(
  given: ConfigSchema,
  root: ConfigSchema,
  { name, prefix, isRequired }: { name: string; prefix: string; isRequired: boolean },
): ConfigField {
  const { schema: own, isNullable } = resolveField(given, root);
  const path = prefix + name;
  // The secrets of a group are fields of it; any other field that contains one is stored and replaced as a whole.
  const isSecret = containsSecret(given, root) && !(isShallow(path) && hasOwnFields(own));
  const { kind, options } = toKind(own, { isSecret, isRequired, isShallow: isShallow(path) });
  return {
    name: path,
    kind,
    title: own.title ?? toTitle(name),
    description: own.description,
    placeholder: own.placeholder as string | undefined,
    isRequired: isRequired && !isNullable && kind !== 'boolean',
    isSecret,
    isSuggested: own.suggested === true,
    isAdvanced: own.advanced === true,
    generate: own.generate as string | undefined,
    isInteger: own.type === 'integer',
    options,
    initial: own.default,
    isNullable: isNullable && isRequired,
    fields: kind === 'group' ? listFields(own, root, `${path}.`) : [],
  };
}

/** Returns whether a group may be shown at a path: a schema that contains itself has no end. */
function isShallow(path: string): boolean {
  return path.split('.').length <= maxGroupDepth;
}

function toKind(
  schema: ConfigSchema,
  { isSecret, isRequired, isShallow: canNest }: { isSecret: boolean; isRequired: boolean; isShallow: boolean },
): Pick<ConfigField, 'kind' | 'options'> {
  const plain = (kind: FieldKind) => ({ kind, options: [] });
  if (schema.type === 'string' && !schema.enum && schema.const === undefined) return plain(toTextKind(schema, isSecret));
  if (isSecret) return plain('json');
  if (schema.const !== undefined) return { kind: isRequired ? 'fixed' : 'choice', options: toOptions([schema.const]) };
  if (schema.enum) return { kind: 'choice', options: toOptions(schema.enum) };
  if (schema.type === 'number' || schema.type === 'integer') return plain('number');
  if (schema.type === 'boolean') return plain('boolean');
  if (canNest && hasOwnFields(schema)) return plain('group');
  const items = schema.type === 'array' ? (schema.items as ConfigSchema | undefined) : undefined;
  if (items?.enum) return { kind: 'choices', options: toOptions(items.enum) };
  return plain(items?.type === 'string' ? 'lines' : 'json');
}

function toOptions(values: readonly unknown[]): ConfigField['options'] {
  return values.filter((value) => ['string', 'number', 'boolean'].includes(typeof value)) as ConfigField['options'];
}

function toTextKind(schema: ConfigSchema, isSecret: boolean): FieldKind {
  const isLong = !isSecret && (schema.maxLength ?? 0) > multilineMinLength;
  if (schema.multiline ?? isLong) return 'multiline';
  return schema.format === 'uri' ? 'url' : schema.format === 'email' ? 'email' : 'text';
}

/** `ratePerSecond` → `Rate per second`. */
function toTitle(name: string): string {
  const words = name
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z0-9])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Reads a config from submitted values. Empty inputs are left out; values of the wrong type stay as typed, for the schema to reject. */
export function readConfig(fields: readonly ConfigField[], values: FormValues): Record<string, unknown> {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const value = readField(field, values);
      return value === undefined ? [] : [[field.name.split('.').at(-1) as string, value]];
    }),
  );
}

/** Name of the checkbox that removes the stored value of a secret: left empty, a secret is kept. */
function toRemovalName(name: string): string {
  return `remove:${name}`;
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
  if (text === '') return (field.isSecret ? values[toRemovalName(field.name)] === 'on' : field.isNullable) ? null : undefined;
  if (field.kind === 'number') return parseNumber(text);
  if (field.kind === 'choice') return toOption(field, text);
  return field.kind === 'json' ? parseJson(text) : text;
}

/** Parses a number with a decimal comma or point; returns other text unchanged. */
function parseNumber(text: string): number | string {
  const value = Number(text.replace(/^(-?\d+),(\d+)$/, '$1.$2'));
  return Number.isFinite(value) ? value : text;
}

/** A group that may be left out has a checkbox of its own name. */
function readGroup(field: ConfigField, values: FormValues): unknown {
  if (field.isRequired || values[field.name] === 'on') return readConfig(field.fields, values);
  return field.isNullable ? null : undefined;
}

/** Returns an empty list when the field has a default: choosing no option differs from the default. */
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

/** Converts a config to input values, without secrets; an undefined config yields the schema's defaults. */
export function toFormValues(fields: readonly ConfigField[], config: Record<string, unknown> | undefined): FormValues {
  return Object.fromEntries(
    fields.flatMap((field): [string, unknown][] => {
      const given = config?.[field.name.split('.').at(-1) as string];
      if (field.kind === 'group') {
        const isOn = config === undefined ? field.isSuggested : given !== undefined && given !== null;
        const inner = Object.entries(toFormValues(field.fields, (given as Record<string, unknown> | null) ?? undefined));
        return isOn && !field.isRequired ? [[field.name, 'on'], ...inner] : inner;
      }
      if (field.isSecret || field.kind === 'fixed') return [];
      // Defaults apply only to a new config: in a stored one, a missing value was left empty on purpose.
      const value = given ?? (config === undefined || field.kind === 'boolean' ? field.initial : undefined);
      return value === undefined || value === null ? [] : [[field.name, toInputValue(field, value)]];
    }),
  );
}

/** Lists fields with those of their groups. */
export function flattenFields<Field extends { readonly fields: readonly Field[] }>(fields: readonly Field[]): Field[] {
  return fields.flatMap((field) => [field, ...flattenFields(field.fields)]);
}

function toInputValue({ kind }: ConfigField, value: unknown): unknown {
  if (kind === 'boolean') return value === true ? 'on' : '';
  if (kind === 'choices') return toList(value).map(String);
  if (kind === 'lines') return toList(value).join('\n');
  return kind === 'json' ? JSON.stringify(value) : String(value);
}
