import { getDomain } from '../mail/addresses.ts';

/** Whether the receiving server has proved the sender's domain. */
export type Authenticity = 'proved' | 'failed' | 'unknown';

const maxHeaderChars = 8_000;

interface CheckResult {
  readonly method: string;
  readonly result: string;
  readonly text: string;
}

/**
 * Judges the address in `From` by `Authentication-Results` (RFC 8601). Only one header counts, as a sender may send others along: the topmost, which
 * the receiving server has added last.
 *
 * @param headers values of `Authentication-Results`, the topmost first
 * @param server name at its beginning that the header must have; any where it is undefined
 */
export function judgeSender(headers: readonly string[], from: string, server: string | undefined): Authenticity {
  const [topmost] = server === undefined ? headers : headers.filter((header) => parseServer(header) === server).slice(0, 1);
  if (topmost === undefined) return 'unknown';
  const results = parseResults(topmost);
  const domain = getDomain(from);
  const find = (method: string) => results.filter((one) => one.method === method);
  const dmarc = find('dmarc');
  if (dmarc.some(({ result }) => result === 'pass')) return 'proved';
  const isAligned = ({ text }: CheckResult, names: readonly string[]) =>
    names.some((name) => isSameOrganization(parseDomain(text, name), domain));
  const dkim = find('dkim').filter(({ result }) => result === 'pass');
  if (dkim.some((one) => isAligned(one, ['header.d', 'header.i']))) return 'proved';
  const spf = find('spf').filter(({ result }) => result === 'pass');
  if (spf.some((one) => isAligned(one, ['smtp.mailfrom', 'smtp.from']))) return 'proved';
  return dmarc.some(({ result }) => result === 'fail') ? 'failed' : 'unknown';
}

function parseServer(header: string): string {
  return (header.split(';', 1)[0] ?? '').trim().split(/\s/, 1)[0]?.toLowerCase() ?? '';
}

function parseResults(header: string): CheckResult[] {
  const entries = stripComments(header.slice(0, maxHeaderChars)).split(';');
  return entries.flatMap((entry) => {
    const found = /^\s*([a-z-]{1,20})\s*=\s*([a-z]{1,20})/i.exec(entry);
    return found?.[1] && found[2] ? { method: found[1].toLowerCase(), result: found[2].toLowerCase(), text: entry } : [];
  });
}

/** Removes comments in parentheses: a sender can write into them. */
function stripComments(text: string): string {
  let depth = 0;
  let rest = '';
  for (const letter of text) {
    if (letter === '(') depth += 1;
    else if (letter === ')') depth = Math.max(depth - 1, 0);
    else if (depth === 0) rest += letter;
  }
  return rest;
}

function parseDomain(entry: string, name: string): string {
  const at = entry.toLowerCase().indexOf(`${name}=`);
  if (at < 0) return '';
  const value = entry.slice(at + name.length + 1).split(/[\s;]/, 1)[0] ?? '';
  return getDomain(value.replace(/["<>]/g, ''));
}

/** Returns whether one domain is the other, or one below it: relaxed alignment without a list of public suffixes needs two labels at least. */
function isSameOrganization(one: string, other: string): boolean {
  const [short = '', long = ''] = one.length <= other.length ? [one, other] : [other, one];
  return short.split('.').length >= 2 && (long === short || long.endsWith(`.${short}`));
}
