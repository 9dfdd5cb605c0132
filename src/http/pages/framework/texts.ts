import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';

type Values = Record<string, string | number>;
/** A text, its plural forms, or texts by name. */
type Entry = string | { readonly [name: string]: Entry };

/** The texts of one language, with its formats of numbers and times. */
export interface Text {
  /**
   * Returns the text of a key such as `home.title`. `{name}` is replaced by the value of that name, numbers in the language's format;
   * `count` selects the plural form.
   *
   * @throws AppError `internal`: the key does not exist; a test checks all keys in use
   */
  (key: string, values?: Values): string;
  readonly language: string;
  has(key: string): boolean;
  number(value: number, options?: Intl.NumberFormatOptions): string;
  /** Formats in UTC: the browser's script converts it to the viewer's zone. */
  time(at: Date, options?: Intl.DateTimeFormatOptions): string;
}

export interface Languages {
  /** All languages, the default first. */
  readonly names: readonly string[];
  /** Returns the texts of a language, or of the default language for an unknown name. */
  text(name: string): Text;
}

const defaultLanguage = 'en';

/** Loads the languages of a folder, one per file. */
export function loadLanguages(folder: string): Languages {
  const found = readdirSync(folder).flatMap((file) => {
    const name = file.match(/^([\w-]+)\.json$/)?.[1];
    return name ? [[name, createText(name, JSON.parse(readFileSync(join(folder, file), 'utf8')))] as const] : [];
  });
  const texts = new Map(found);
  const fallback = texts.get(defaultLanguage);
  if (!fallback) throw new AppError('internal', `There is no ${defaultLanguage}.json among the languages.`);
  return {
    names: [defaultLanguage, ...[...texts.keys()].filter((name) => name !== defaultLanguage)],
    text: (name) => texts.get(name) ?? fallback,
  };
}

function createText(language: string, entries: Entry): Text {
  const plurals = new Intl.PluralRules(language);
  const number: Text['number'] = (value, options) => new Intl.NumberFormat(language, options).format(value);
  const text = (key: string, values: Values = {}) => {
    const entry = findEntry(entries, key);
    const words = typeof entry === 'object' ? selectPluralForm(entry, plurals, values.count) : entry;
    if (words === undefined) throw new AppError('internal', `There is no text “${key}” in ${language}.`);
    return words.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
      const value = values[name];
      return typeof value === 'number' ? number(value) : (value ?? placeholder);
    });
  };
  return Object.assign(text, {
    language,
    number,
    has: (key: string) => typeof findEntry(entries, key) === 'string',
    time: (at: Date, options: Intl.DateTimeFormatOptions = { dateStyle: 'medium', timeStyle: 'short' }) =>
      new Intl.DateTimeFormat(language, { ...options, timeZone: 'UTC' }).format(at),
  });
}

function findEntry(entries: Entry, key: string): Entry | undefined {
  return key
    .split('.')
    .reduce<Entry | undefined>(
      (entry, name) => (typeof entry === 'object' && Object.hasOwn(entry, name) ? entry[name] : undefined),
      entries,
    );
}

function selectPluralForm(
  forms: { readonly [name: string]: Entry },
  plurals: Intl.PluralRules,
  count: string | number | undefined,
) {
  const form = typeof count === 'number' ? (forms[plurals.select(count)] ?? forms.other) : undefined;
  return typeof form === 'string' ? form : undefined;
}

/** Returns zod's error messages in the viewer's language, or in English. */
export function getZodErrorMap(language: string): z.core.$ZodErrorMap {
  const locales = z.locales as unknown as Record<string, (() => { localeError: z.core.$ZodErrorMap }) | undefined>;
  return (locales[language] ?? z.locales.en)().localeError;
}

/** Address at the end of a reason, such as the link of a contact who has no chat. */
const addressAtEnd = / https:\/\/\S{1,300}$/;

/** Returns the text of a reason: ours in the viewer's language, with the address at its end; a vendor's as the vendor wrote it. */
export function toReasonText(text: Text, reason: { code: string; message: string }): string {
  const key = [`reasons.${reason.code}`, `log.waits.${reason.code}`].find((name) => text.has(name));
  return key ? text(key) + (addressAtEnd.exec(reason.message)?.[0] ?? '') : reason.message;
}

/** Returns the text of a reason to wait, which may also be an error of ours. */
export function toWaitText(text: Text, reason: { status: string; code: string; message: string }): string {
  const problem = `problems.${reason.code}.title`;
  if (reason.status === 'pending' && !text.has(`reasons.${reason.code}`) && text.has(problem)) return text(problem);
  return toReasonText(text, reason);
}

/** An error as a viewer reads it. */
export interface Problem {
  code: string;
  title: string;
  message: string;
  details: readonly string[];
}

/** Translates an error. A code without a translated message, such as `conflict`, keeps the error's own message. */
export function toProblem(text: Text, error: AppError): Problem {
  const own = `problems.${error.code}`;
  const titleKey = text.has(`${own}.title`) ? `${own}.title` : 'problems.other.title';
  const message = text.has(`${own}.message`) ? text(`${own}.message`) : error.message;
  return { code: error.code, title: text(titleKey), message, details: error.details };
}
