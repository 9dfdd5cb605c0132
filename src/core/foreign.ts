import * as z from 'zod';
import { AppError } from './errors.ts';
import { sanitize } from './sanitize.ts';

/*
 * Readers of JSON that other programs have shaped. Their types change without notice. So null, absent and empty are one; a number is read
 * where text was meant and the reverse; lists are read row by row, and an unreadable row hides no other.
 */

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses the bytes of a JSON document; drops a byte order mark. A number that would lose digits becomes text with all of them, as vendors
 * write ids as numbers.
 *
 * @throws AppError `payload_invalid`
 */
export function parseForeignJson(body: Uint8Array): unknown {
  let text: string;
  try {
    // A TextDecoder drops a byte order mark.
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

/** Parses text as {@link parseForeignJson} does bytes. @throws SyntaxError */
export function parseWithAllDigits(text: string): unknown {
  const json = text.startsWith('\ufeff') ? text.slice(1) : text;
  const parsed: unknown = JSON.parse(json);
  return mayLoseDigits.test(json) ? JSON.parse(quoteInexactNumbers(json)) : parsed;
}

/** A number, but in a text as well: which of the two it is takes longer to find out. Ids are full of digits before an `e`, so the places count. */
const mayLoseDigits = /(?:^|[:[,\s])-?(?:\d{16}|\d+[.eE])/;

/**
 * Quotes each number that JavaScript would write in other digits. A reviver with source text was rejected: it takes ten times as long (8
 * MB: 2.3 s) and overflows the stack in deep documents.
 *
 * @param json valid JSON
 */
function quoteInexactNumbers(json: string): string {
  const tokens = /"|-?\d[\d.eE+-]*/g;
  const parts: string[] = [];
  let copiedTo = 0;
  for (let found = tokens.exec(json); found; found = tokens.exec(json)) {
    const [token] = found;
    if (token === '"') tokens.lastIndex = findStringEnd(json, found.index);
    else if (String(Number(token)) !== token) {
      parts.push(json.slice(copiedTo, found.index), '"', token, '"');
      copiedTo = tokens.lastIndex;
    }
  }
  parts.push(json.slice(copiedTo));
  return parts.join('');
}

/** Returns the index behind the closing quote of the string that opens at `from`. */
function findStringEnd(json: string, from: number): number {
  for (let at = json.indexOf('"', from + 1); ; at = json.indexOf('"', at + 1)) {
    let firstBackslash = at;
    while (json[firstBackslash - 1] === '\\') firstBackslash -= 1;
    if ((at - firstBackslash) % 2 === 0) return at + 1;
  }
}

/** Converts a scalar to text. @returns undefined for null, absent, empty and for lists and objects */
export function toText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return typeof value === 'string' && value !== '' ? sanitize(value) || undefined : undefined;
}

/** Converts a value to an id or an address, trimmed. Text and numbers count; a flag is neither. */
export function toId(value: unknown): string | undefined {
  return typeof value === 'boolean' ? undefined : toText(value)?.trim() || undefined;
}

/** An optional field of any type. */
export const unknownField = z.unknown().optional();

/** An optional text field; undefined where it is missing. */
export const text = unknownField.transform(toText);

/** Returns whether a value has content that is no text: a list or an object that is not empty. */
export function isUnreadText(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

/** An optional text field that is an error where it is unreadable: without it the message would be another one. */
export const readableText = unknownField.transform((value, context) => {
  if (!isUnreadText(value)) return toText(value);
  context.addIssue({ code: 'custom', message: 'must be text' });
  return z.NEVER;
});

/** Builds a required text field. @param maxChars a longer value cannot be stored and is an error */
export function requiredText(maxChars: number) {
  return unknownField.transform((value, context) => {
    const read = toId(value);
    if (read && read.length <= maxChars) return read;
    context.addIssue({ code: 'custom', message: read ? `must have at most ${maxChars} characters` : 'is needed' });
    return z.NEVER;
  });
}

/** Builds an optional id field; a longer id is an error, as half of an id is another id. */
export function optionalId(maxChars: number) {
  return unknownField.transform((value, context) => {
    const read = toId(value);
    if (read === undefined || read.length <= maxChars) return read;
    context.addIssue({ code: 'custom', message: `must have at most ${maxChars} characters` });
    return z.NEVER;
  });
}

/** Builds an optional id field; a longer id cannot be stored and counts as missing. */
export function shortId(maxChars: number) {
  return unknownField.transform((value) => {
    const read = toId(value);
    return read !== undefined && read.length <= maxChars ? read : undefined;
  });
}

/** A flag, also as text or number; false where it is missing. */
export const flag = unknownField.transform((value) => /^(true|1|yes)$/i.test(toText(value) ?? ''));

/** Converts a number, also from text. @returns undefined where it is not a number */
export function toNumber(value: unknown): number | undefined {
  const read = Number(toText(value) ?? Number.NaN);
  return Number.isFinite(read) ? read : undefined;
}

/** Converts a value to a list; a single value becomes a list of one. */
export function toList(value: unknown): unknown[] {
  if (value === null || value === undefined || value === '') return [];
  return Array.isArray(value) ? value : [value];
}

/** Converts a value to an object; an empty one where the value is not an object. */
export function toObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** Builds a nested object, read by a schema whose fields may all be missing. */
export function nestedObject<Output>(schema: z.ZodType<Output, Record<string, unknown>>) {
  return unknownField.transform(toObject).pipe(schema);
}

/** Reads the rows of a list that fit the schema, and counts the others. */
export function readRows<Shape extends z.ZodType>(
  schema: Shape,
  value: unknown,
): { rows: z.output<Shape>[]; unreadCount: number } {
  const results = toList(value).map((row) => schema.safeParse(row));
  const rows = results.flatMap((result) => (result.success ? [result.data] : []));
  return { rows, unreadCount: results.length - rows.length };
}

const latestMs = Date.UTC(9999, 0, 1);
const isoTime = /^(\d{4}-\d{2}-\d{2})(?:[t ](\d{2}:\d{2})(:\d{2})?(?:[.,](\d{1,9}))? ?(z|[+-]\d{2}(?::?\d{2})?)?)?$/i;
/** A date as mails and HTTP headers write it; without a zone it is ambiguous. */
const mailTime = /^(?:[a-z]{3}, ?)?\d{1,2} [a-z]{3} \d{4} \d{2}:\d{2}(?::\d{2})? (?:gmt|utc?|[+-]\d{4})$/i;

/**
 * Reads a moment: ISO 8601, in UTC where it names no zone, the form of mails, or seconds, milliseconds, micro- or nanoseconds since 1970.
 *
 * @returns undefined for an unreadable value, and for a moment that is too old or too far ahead to be real
 */
export function toTime(value: unknown): Date | undefined {
  const text = toText(value)?.trim();
  const ms = text === undefined ? Number.NaN : parseMs(text);
  return ms > 0 && ms < latestMs ? new Date(ms) : undefined;
}

function parseMs(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return toEpochMs(Number(text));
  // `Date.parse` alone takes "yesterday 5" for a day in 2001, and local time where no zone is named.
  if (mailTime.test(text)) return Date.parse(text);
  const [, day, minutes = '00:00', seconds = ':00', fraction = '0', zone = 'Z'] = isoTime.exec(text) ?? [];
  if (day === undefined) return Number.NaN;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  return Date.parse(`${day}T${minutes}${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}${offset}`);
}

/** Finds the unit of a count since 1970 by its size: as seconds, 1e11 is the year 5138, and as milliseconds 1973. */
function toEpochMs(count: number): number {
  if (count < 1e11) return count * 1_000;
  if (count < 1e14) return count;
  return count < 1e17 ? count / 1_000 : count / 1_000_000;
}

/** An optional moment; undefined where it is unreadable. */
export const time = unknownField.transform(toTime);

const dayMs = 24 * 60 * 60 * 1000;

/** Caps a moment from outside at one day ahead: later ones are mistakes, and would stay at the end of a list for years. */
export function capFutureTime(at: Date | undefined, nowMs: number): Date | undefined {
  return at && new Date(Math.min(at.getTime(), nowMs + dayMs));
}

/** Fields of an object that may hold an attachment's address. */
const addressFields = ['url', 'fileUrl', 'mediaUrl', 'href', 'link', 'src'];

/** Reads attachments: addresses, or objects that hold one. `unreadCount` counts entries without a web address. */
export function readAttachments(value: unknown): { urls: string[]; unreadCount: number } {
  const entries = toList(value).filter((entry) => entry !== null && entry !== '');
  const addresses = entries.map((entry) => {
    const url = toText(entry) ?? addressFields.map((name) => toText(toObject(entry)[name])).find(Boolean);
    return url && /^https?:\/\//i.test(url.trim()) && URL.canParse(url.trim()) ? url.trim() : null;
  });
  const urls = addresses.filter((address) => address !== null);
  return { urls, unreadCount: addresses.length - urls.length };
}
