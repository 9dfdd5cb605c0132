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
  const candidates = lines.flatMap((line, index) => findCandidates(line, index).filter(({ address }) => !own.has(address)));
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

function findCandidates(line: string, index: number): Candidate[] {
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
    .map((address) => ({ address, line: index, strength: rateLine(text, address) }))
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
