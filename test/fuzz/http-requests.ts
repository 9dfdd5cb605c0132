import fc from 'fast-check';
import { createValidOrOdd } from './inputs.ts';
import type { Caller, FuzzTargets } from './targets.ts';

/** A request to the program over HTTP. */
export interface FuzzHttpRequest {
  kind: 'http';
  /** Method and path as the program names them. */
  route: string;
  method: string;
  path: string;
  query: [string, string][];
  /** `session`: that of the operator's pages. A text that is no caller is sent as the token. */
  caller: Caller | 'session' | string | null;
  headers: [string, string][];
  contentType: 'application/json' | 'application/x-www-form-urlencoded' | 'text/csv';
  body: unknown;
}

const callers: readonly Caller[] = ['operator', 'operator', 'admin', 'admin', 'user', 'agency'];

export const headers = fc.array(
  fc.constantFrom<[string, string]>(
    ['range', 'bytes=99999999-'],
    ['range', 'bytes=0-0,5-9'],
    ['range', 'x'],
    ['if-match', '"x"'],
    ['if-none-match', '*'],
    ['if-unmodified-since', 'Thu, 01 Jan 1970 00:00:00 GMT'],
    ['if-modified-since', 'yesterday'],
    ['accept', 'text/html'],
    ['accept', 'application/json'],
    ['accept-language', '\u00e9;q=9'],
    ['referer', 'https://x.example/'],
    ['referer', 'not an address'],
    ['content-type', 'text/plain'],
    ['origin', 'null'],
    ['cookie', 'a=b; patchbay=%00'],
  ),
  { maxLength: 2 },
);

/** Draws who makes a request: mostly one who exists. */
export const caller = fc.option<string>(createValidOrOdd(callers, 12), { freq: 12 });

/** Draws a query of these names, with values that exist and odd ones. */
export function drawQuery({ known }: FuzzTargets, names: readonly string[]): fc.Arbitrary<[string, string][]> {
  if (names.length === 0) return fc.constant([]);
  const pair = fc
    .constantFrom(...names)
    .chain((name) => fc.tuple(fc.constant(name), createValidOrOdd(known[name] ?? ['1', 'all'], 1)));
  return fc.array(pair, { maxLength: 3 });
}

/** Draws the values of a path's parameters, `{id}` or `:id`. */
export function drawPath(path: string, ids: FuzzTargets['ids']): fc.Arbitrary<string> {
  const names = [...path.matchAll(/\{(\w+)\}|:(\w+)/g)].map(([, braced, named]) => (braced ?? named) as string);
  const values = names.map((name) => createValidOrOdd(ids[name] ?? [], 8));
  return fc.tuple(...values).map((filled) => {
    let at = 0;
    return path.replace(/\{\w+\}|:\w+/g, () => encode(filled[at++] ?? ''));
  });
}

/** Encodes text for an address; a lone surrogate has no encoding of its own. */
export function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('.', '%2E');
}
