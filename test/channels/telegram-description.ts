import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { TelegramRequest } from '../../src/sandbox/vendors/telegram.ts';

interface Field {
  types: string[];
  required?: boolean;
}

interface Described {
  fields?: Record<string, Field>;
  subtypes?: string[];
}

/** Description of the Bot API: the methods and objects of the channel (source, commit and licence in the file). */
const description: { methods: Record<string, Described>; types: Record<string, Described> } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/telegram-bot-api.json'), 'utf8'),
);

/** Returns the deviations of a request from the description, in words: unknown methods and parameters, missing ones, and other types. */
export function checkRequest({ method, parameters, upload }: TelegramRequest): string[] {
  const described = description.methods[method];
  if (!described) return [`${method}: is not described`];
  // A form carries objects and numbers as text.
  const values =
    upload === null
      ? parameters
      : Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, fromForm(described, name, value)]));
  return checkFields(method, described, { ...values, ...(upload === null ? {} : { [upload]: 'attach' }) });
}

/** Returns the deviations of an update from the description. */
export function checkUpdate(update: unknown): string[] {
  return checkFields('Update', description.types.Update ?? {}, update as Record<string, unknown>);
}

/** Returns the deviations of a result from the description. */
export function checkResult(type: string, value: unknown): string[] {
  return checkValue(type, [type], value);
}

function fromForm({ fields = {} }: Described, name: string, value: unknown): unknown {
  return fields[name]?.types.includes('String') ? value : JSON.parse(String(value));
}

function checkFields(path: string, { fields = {} }: Described, value: Record<string, unknown>): string[] {
  const unknown = Object.keys(value).filter((name) => !(name in fields));
  const missing = Object.keys(fields).filter((name) => fields[name]?.required && value[name] === undefined);
  return [
    ...unknown.map((name) => `${path}: unknown field ${name}`),
    ...missing.map((name) => `${path}: lacks ${name}`),
    ...Object.entries(value).flatMap(([name, inner]) => checkValue(`${path}.${name}`, fields[name]?.types ?? [], inner)),
  ];
}

function checkValue(path: string, types: readonly string[], value: unknown): string[] {
  if (types.length === 0) return [];
  const results = types.map((type) => checkType(path, type, value));
  return results.find((problems) => problems.length === 0) ?? results[0] ?? [];
}

function checkType(path: string, type: string, value: unknown): string[] {
  const [, item] = /^Array of (.+)$/.exec(type) ?? [];
  if (item) {
    return Array.isArray(value)
      ? value.flatMap((one, index) => checkType(`${path}.${index}`, item, one))
      : [`${path}: is no list`];
  }
  switch (type) {
    case 'Integer':
      return Number.isSafeInteger(value) ? [] : [`${path}: is no integer`];
    case 'Float':
      return typeof value === 'number' ? [] : [`${path}: is no number`];
    case 'Boolean':
    case 'True':
      return typeof value === 'boolean' ? [] : [`${path}: is no flag`];
    case 'String':
    case 'InputFile':
      return typeof value === 'string' ? [] : [`${path}: is no text`];
    default:
      return checkObject(path, type, value);
  }
}

function checkObject(path: string, type: string, value: unknown): string[] {
  const described = description.types[type];
  if (typeof value !== 'object' || value === null) return [`${path}: is no object`];
  if (!described) return [];
  if (!described.subtypes) return checkFields(path, described, value as Record<string, unknown>);
  const known = described.subtypes.filter((subtype) => description.types[subtype]);
  return checkValue(path, known, value);
}
