import * as z from 'zod';
import { AppError } from './errors.ts';
import { storable } from './text.ts';

/*
 * How the program reads JSON that others have shaped. Their types change without notice, so: null, absent and empty are one; numbers are
 * read where text was meant and the other way round; lists are read row by row, and a row that can't be read hides no other.
 */

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses the bytes of a JSON document; a byte order mark is dropped. Integers too large for a number stay text with all their digits, as
 * vendors write ids as numbers.
 *
 * @throws AppError `payload_invalid`
 */
export function parseForeignJson(body: Uint8Array): unknown {
  let text: string;
  try {
    // A TextDecoder drops a byte order mark by itself.
    text = utf8.decode(body);
  } catch (cause) {
    throw new AppError('payload_invalid', 'The body is not UTF-8.', { cause });
  }
  try {
    return parseWithAllDigits(text);
  } catch (cause) {
    throw new AppError('payload_invalid', 'The body is not JSON.', { cause });
  }
}

/** As {@link parseForeignJson}, from text. @throws SyntaxError */
export function parseWithAllDigits(text: string): unknown {
  return JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text, keepDigits as Parameters<typeof JSON.parse>[1]);
}

function keepDigits(_name: string, value: unknown, context?: { source?: string }): unknown {
  const isInexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isInexact && /^-?\d+$/.test(context?.source ?? '') ? context?.source : value;
}

/** Text, or what reads as text. @returns undefined for null, absent, empty and for lists and objects */
export function toText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value !== '' ? storable(value) || undefined : undefined;
}

/** A field of any type, or none. */
export const anything = z.unknown().optional();

/** A field that may be missing: text, undefined where there is none. */
export const text = anything.transform(toText);

/** A field that is needed. @param maxChars what is longer can't be kept */
export function neededText(maxChars: number) {
  return anything.transform((value, context) => {
    const read = toText(value)?.trim();
    if (read && read.length <= maxChars) return read;
    context.addIssue({ code: 'custom', message: read ? `must have at most ${maxChars} characters` : 'is needed' });
    return z.NEVER;
  });
}

/** A field that may be missing; what is longer counts as an error, as half of an id is another id. */
export function optionalId(maxChars: number) {
  return anything.transform((value, context) => {
    const read = toText(value)?.trim() || undefined;
    if (read === undefined || read.length <= maxChars) return read;
    context.addIssue({ code: 'custom', message: `must have at most ${maxChars} characters` });
    return z.NEVER;
  });
}

/** An id that may be missing; one that is too long to be kept counts as missing. */
export function shortId(maxChars: number) {
  return anything.transform((value) => {
    const read = toText(value)?.trim() || undefined;
    return read !== undefined && read.length <= maxChars ? read : undefined;
  });
}

/** A flag, also as text or number; false where there is none. */
export const flag = anything.transform((value) => /^(true|1|yes)$/i.test(toText(value) ?? ''));

/** A number, also as text. @returns undefined for what is none */
export function toNumber(value: unknown): number | undefined {
  const read = Number(toText(value) ?? Number.NaN);
  return Number.isFinite(read) ? read : undefined;
}

/** A list; one value where a list was meant is a list of one. */
export function toList(value: unknown): unknown[] {
  if (value === null || value === undefined || value === '') return [];
  return Array.isArray(value) ? value : [value];
}

/** An object; empty where something else stands. */
export function toObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** An object inside another, read by a shape whose fields may all be missing. */
export function inner<Output>(shape: z.ZodType<Output, Record<string, unknown>>) {
  return anything.transform(toObject).pipe(shape);
}

/** The rows of a list that can be read, and how many can't. */
export function readRows<Shape extends z.ZodType>(shape: Shape, value: unknown): { rows: z.output<Shape>[]; unread: number } {
  const results = toList(value).map((row) => shape.safeParse(row));
  const rows = results.flatMap((result) => (result.success ? [result.data] : []));
  return { rows, unread: results.length - rows.length };
}

const earliestMs = 0;
const latestMs = Date.UTC(9999, 0, 1);
/** Numbers above it are milliseconds, below it seconds. */
const secondsUntil = 1e11;

/** A moment: ISO 8601, with or without a zone, or seconds or milliseconds since 1970. @returns undefined for what is none, or too old to be */
export function toTime(value: unknown): Date | undefined {
  const said = toText(value)?.trim();
  if (said === undefined) return undefined;
  const number = /^\d+(\.\d+)?$/.test(said) ? Number(said) : undefined;
  const hasZone = /(z|[+-]\d{2}:?\d{2})$/i.test(said);
  const ms =
    number !== undefined
      ? number * (number < secondsUntil ? 1_000 : 1)
      : Date.parse(hasZone || !said.includes('T') ? said : `${said}Z`);
  return ms > earliestMs && ms < latestMs ? new Date(ms) : undefined;
}

/** A field that holds a moment, if it does. */
export const time = anything.transform(toTime);

const dayMs = 24 * 60 * 60 * 1000;

/** A moment that others have said, not more than a day ahead: later ones are mistakes, and would stand at the end of a list for years. */
export function notFarAhead(said: Date | undefined, nowMs: number): Date | undefined {
  return said && new Date(Math.min(said.getTime(), nowMs + dayMs));
}

/** Where an attachment's address stands in an object. */
const addressFields = ['url', 'fileUrl', 'mediaUrl', 'href', 'link', 'src'];

/** Reads attachments: addresses, or objects that hold one. `unread` counts what has no web address. */
export function readAttachments(value: unknown): { urls: string[]; unread: number } {
  const addresses = toList(value).map((entry) => {
    const said = toText(entry) ?? addressFields.map((name) => toText(toObject(entry)[name])).find(Boolean);
    return said && /^https?:\/\//i.test(said.trim()) && URL.canParse(said.trim()) ? said.trim() : null;
  });
  const urls = addresses.filter((address) => address !== null);
  return { urls, unread: addresses.length - urls.length };
}
