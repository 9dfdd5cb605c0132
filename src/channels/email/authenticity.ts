import { getDomain } from '../mail/addresses.ts';

/** Whether the receiving server has proved the sender's domain. */
export type Authenticity = 'proved' | 'failed' | 'unknown';

/** One method of a header, such as `dkim=pass header.d=example.com`. */
interface CheckResult {
  readonly method: string;
  readonly result: string;
  /** Properties such as `header.d`, with the domain of each value; a value in quotes has none. */
  readonly domains: readonly (readonly [name: string, domain: string])[];
}

interface ParsedHeader {
  /** Name of the server that wrote it; empty where it has none, as Microsoft 365 leaves it out. */
  readonly server: string;
  readonly results: readonly CheckResult[];
}

/**
 * Judges the address in `From` by `Authentication-Results` (RFC 8601). Only one header counts, as a sender may send others along: the topmost of the
 * receiving server, which that has added last. Without the name of that server any header may be the sender's own, so that it proves nothing; but a
 * sender does not say that a proof has failed.
 *
 * @param headers values of `Authentication-Results`, the topmost first
 * @param server name at its beginning that the header must have; empty for a server that writes none
 */
export function judgeSender(headers: readonly string[], from: string, server: string | undefined): Authenticity {
  const parsed = headers.map(parseHeader);
  const counted = server === undefined ? parsed[0] : parsed.find((header) => header.server === server);
  if (!counted) return 'unknown';
  const find = (method: string, result: string) =>
    counted.results.filter((one) => one.method === method && one.result === result);
  if (find('dmarc', 'fail').length > 0) return 'failed';
  if (server === undefined) return 'unknown';
  const isAligned = (domains: readonly string[]) =>
    domains.length > 0 && domains.every((domain) => isSameOrganization(domain, getDomain(from)));
  const list = ({ domains }: CheckResult, names: readonly string[]) =>
    domains.flatMap(([name, domain]) => (names.includes(name) ? [domain] : []));
  const isProved =
    // Of several authors the server may have checked another.
    find('dmarc', 'pass').some((one) => isAligned([...list(one, ['header.from']), getDomain(from)])) ||
    find('dkim', 'pass').some((one) => isAligned(list(one, ['header.d', 'header.i']))) ||
    find('spf', 'pass').some((one) => isAligned(list(one, ['smtp.mailfrom', 'smtp.from'])));
  return isProved ? 'proved' : 'unknown';
}

function parseHeader(header: string): ParsedHeader {
  const { text, isWhole } = removeFreeText(header);
  const entries = text.split(';').map(parseEntry);
  const results = entries.flatMap(({ result }) => result ?? []);
  const isHidden = !isWhole && /dmarc\s*=\s*fail/i.test(header);
  return {
    server: entries[0]?.server ?? '',
    results: isHidden ? [...results, { method: 'dmarc', result: 'fail', domains: [] }] : results,
  };
}

/** Parses what stands between two semicolons: a result, or the name of the server. */
function parseEntry(entry: string): { server?: string; result?: CheckResult } {
  const text = entry.toLowerCase().trim().split(/\s+/).join(' ');
  const [first = '', ...properties] = text.replace(/ ?= ?/g, '=').split(' ');
  const found = /^([a-z-]{1,20})(?:\/\d{1,5})?=([a-z]{1,20})$/.exec(first);
  if (!found?.[1] || !found[2]) return { server: first };
  const domains = properties.map((property): [string, string] => {
    const at = property.indexOf('=');
    const value = property.slice(at + 1).replace(/^<|>$/g, '');
    return [property.slice(0, Math.max(at, 0)), getDomain(value)];
  });
  return { result: { method: found[1], result: found[2], domains } };
}

/**
 * Removes comments, and what stands in quotes: a sender can write into both, such as into the local part of its address.
 *
 * @returns isWhole false where a quote or a comment does not end, so that the rest of the header is removed
 */
function removeFreeText(header: string): { text: string; isWhole: boolean } {
  let depth = 0;
  let isQuoted = false;
  let text = '';
  for (let at = 0; at < header.length; at++) {
    const letter = header.charAt(at);
    if (letter === '\\' && (isQuoted || depth > 0)) at++;
    else if (letter === '"' && depth === 0) {
      isQuoted = !isQuoted;
      text += '"';
    } else if (isQuoted) continue;
    else if (letter === '(') {
      depth += 1;
      text += ' ';
    } else if (letter === ')') depth = Math.max(depth - 1, 0);
    else if (depth === 0) text += letter;
  }
  return { text, isWhole: !isQuoted && depth === 0 };
}

/** Returns whether one domain is the other, or one below it: relaxed alignment without a list of public suffixes needs two labels at least. */
function isSameOrganization(one: string, other: string): boolean {
  const [short = '', long = ''] = one.length <= other.length ? [one, other] : [other, one];
  return short.split('.').length >= 2 && (long === short || long.endsWith(`.${short}`));
}
