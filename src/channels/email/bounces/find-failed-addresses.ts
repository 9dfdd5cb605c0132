import { maxReport } from './mail-report.ts';
import { toAddress } from './parse-mail.ts';
import { hasAnyPhrase, toWords } from './phrases.ts';
import { hasReplyCode } from './status-codes.ts';

export interface FailedAddress {
  readonly address: string;
  /** The lines about this recipient: from the one that names it to the next recipient's. */
  readonly context: string;
}

interface Candidate {
  readonly address: string;
  readonly line: number;
  readonly strength: number;
}

/** How surely a line names a recipient that failed. */
const strengths = { alone: 4, first: 3, phrase: 2, quoted: 1 } as const;

const maxHeadingChars = 200;
/** A line of the returned mail's headers, which servers quote. */
const headerLine = /^(?:to|cc|from|subject|sent|date):/i;
const aliasLine = /^\s*\((?:expanded|generated) from:? /;

const senderPhrases = [
  'mail from',
  'from',
  'envelope from',
  'contact',
  'support',
  'help',
  'assistance',
  'sender',
  'reply to',
  'on behalf',
];
const recipientPhrases = [
  'deliver',
  'delevery',
  'recipient',
  'fail',
  'reach',
  'could not',
  'couldn t',
  'unable',
  'reject',
  'address',
  'userid',
  'user',
  'mailbox',
  'account',
  'refused',
  'unknown',
  'return',
  'undeliver',
];

/**
 * Finds the recipients that failed in what a server says to people. Only the surest kind of line counts: an address on a line of its own, at
 * the beginning of a line or in `RCPT TO`, before one in a sentence.
 *
 * @param own addresses that got the report; they are the sender's
 */
export function findFailedAddresses(statement: string, own: ReadonlySet<string>): FailedAddress[] {
  const lines = statement.split('\n', maxReport.lines);
  const found = lines.flatMap((line, index) => findCandidates(line, index, isBelowHeading(lines, index)));
  const aliases = findAliases(statement);
  const candidates = found
    .map((candidate) => ({ ...candidate, address: aliases.get(candidate.address) ?? candidate.address }))
    .filter(({ address }) => !own.has(address));
  const best = Math.max(0, ...candidates.map(({ strength }) => strength));
  const chosen = candidates.filter(({ strength }) => strength === best);
  const first = new Map(chosen.toReversed().map((candidate) => [candidate.address, candidate.line]));
  const starts = [...first.values()].sort((a, b) => a - b);
  return [...first]
    .sort(([, a], [, b]) => a - b)
    .slice(0, maxReport.recipients)
    .map(([address, start]) => {
      const end = starts.find((other) => other > start) ?? lines.length;
      return { address, context: lines.slice(start, end).join('\n') };
    });
}

/** Lists the email addresses in a text, in small letters. */
export function listAddresses(text: string): string[] {
  return text
    .split(/[\s<>()[\]"',;|=]+/)
    .filter((token) => token.includes('@') && token.length < maxReport.diagnosticChars)
    .map(toBareAddress)
    .filter((address) => address !== null);
}

/** Lists the lone words below a heading such as `could not be delivered to the following recipients:`: recipients without their domain. */
export function listFailedNames(statement: string): string[] {
  const lines = statement.split('\n', maxReport.lines);
  return lines.flatMap((line, index) =>
    /^[a-z0-9._-]{1,64}$/i.test(line.trim()) && isBelowHeading(lines, index) ? [line.trim()] : [],
  );
}

/** Returns whether the line before, apart from empty ones, is a heading about recipients that failed. */
function isBelowHeading(lines: readonly string[], index: number): boolean {
  let above = index - 1;
  while (above >= 0 && lines[above]?.trim() === '') above--;
  const heading = (lines[above] ?? '').slice(-maxHeadingChars).trim();
  return heading.endsWith(':') && !headerLine.test(heading) && hasAnyPhrase(toWords(heading), recipientPhrases);
}

/**
 * Finds the addresses that were written to, by the address that each led to: servers name it in the next line, as
 * `(expanded from: <a@b.example>)`.
 */
export function findAliases(statement: string): Map<string, string> {
  const lines = statement.split('\n', maxReport.lines);
  const pairs = lines.flatMap((line, index): [string, string][] => {
    const [target] = listAddresses(lines[index - 1] ?? '');
    const [written] = aliasLine.test(line) ? listAddresses(line) : [];
    return target && written ? [[target, written]] : [];
  });
  return new Map(pairs);
}

function findCandidates(line: string, index: number, isListed: boolean): Candidate[] {
  if (!line.includes('@') || line.length > maxReport.headerChars) return [];
  const addresses = listAddresses(line);
  const text = line.replace(/^[\s*>•·<"'-]+/, '');
  const [first] = addresses;
  if (first === undefined) return [];
  if (text.toLowerCase().startsWith(first)) {
    const rest = text.slice(first.length).replace(/^[>"']+/, '');
    const isAlone = /^[\s:.,;]*$/.test(rest) || rest.startsWith(':');
    return [{ address: first, line: index, strength: isAlone ? strengths.alone : strengths.first }];
  }
  return addresses
    .map((address) => ({ address, line: index, strength: isListed ? strengths.first : rateLine(text, address) }))
    .filter(({ strength }) => strength > 0);
}

/** Rates what stands before the address: `RCPT TO:`, a reply code, or words about recipients. */
function rateLine(text: string, address: string): number {
  const at = text.toLowerCase().indexOf(address);
  const before = text.slice(0, at);
  if (/rcpt to:\s*<?$/i.test(before) || /^\d{3}[ -]<$/.test(before)) return strengths.first;
  const words = toWords(before);
  if (/^(?:to|cc):/i.test(text)) return strengths.quoted;
  const lastWords = toWords(before.slice(-40));
  if (hasAnyPhrase(lastWords, senderPhrases)) return 0;
  if (hasAnyPhrase(words, recipientPhrases) || hasReplyCode(text) || hasAnyPhrase(toWords(text), recipientPhrases))
    return strengths.phrase;
  return 0;
}

function toBareAddress(token: string): string | null {
  const scheme = token.lastIndexOf(':');
  const bare = token.slice(scheme + 1);
  return toAddress(bare.includes('@') ? trimPunctuation(bare) : trimPunctuation(token));
}

function trimPunctuation(text: string): string {
  let end = text.length;
  while (end > 0 && '.:!?*`'.includes(text.charAt(end - 1))) end--;
  let start = 0;
  while (start < end && '*`'.includes(text.charAt(start))) start++;
  return text.slice(start, end);
}
