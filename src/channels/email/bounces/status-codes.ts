import type { FailureClass } from './mail-report.ts';

export interface StatusCode {
  readonly code: string;
  /** 2 success, 4 temporary, 5 permanent. */
  readonly severity: number;
  /** A detail of 0 adds no meaning to the severity. */
  readonly isSpecific: boolean;
}

const enhancedCode = /(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)/g;
const replyCode = /(?<![\d.])([245])\d\d(?=[ -])/;

/** Classes by subject and detail (RFC 3463, RFC 7372 and what Google and Microsoft publish), where one code has one meaning. */
const classes: Readonly<Record<string, FailureClass>> = {
  '1.1': 'invalid_recipient',
  '1.2': 'invalid_recipient',
  '1.3': 'invalid_recipient',
  '1.4': 'invalid_recipient',
  '1.6': 'invalid_recipient',
  '1.7': 'policy',
  '1.8': 'policy',
  '1.10': 'invalid_recipient',
  '1.351': 'invalid_recipient',
  '2.1': 'invalid_recipient',
  '2.2': 'mailbox_full',
  '2.3': 'content',
  '3.4': 'content',
  '4.1': 'network',
  '4.2': 'network',
  '4.3': 'network',
  '4.4': 'network',
  '4.5': 'network',
  '4.6': 'network',
  '4.7': 'network',
  '4.14': 'network',
  '4.310': 'invalid_recipient',
  '4.312': 'network',
  '4.316': 'network',
  '5.3': 'policy',
  '7.13': 'invalid_recipient',
  '7.17': 'invalid_recipient',
  '7.18': 'invalid_recipient',
  '7.25': 'blocked',
  '7.28': 'blocked',
};

/** Codes whose severity changes their meaning: a host that refuses for good, and one that is not reached. */
const permanentClasses: Readonly<Record<string, FailureClass>> = {
  // Microsoft refuses unknown recipients at the edge so.
  '5.4.1': 'invalid_recipient',
  // Postfix and Sendmail: the name of the host does not exist.
  '5.4.4': 'invalid_recipient',
};

/** Microsoft's ranges of 5.7.x and 4.7.x about the sending address. */
const blockedDetails = (detail: number) => detail === 511 || (detail >= 600 && detail < 800);

/** Lists the enhanced status codes in a text. */
export function listStatusCodes(text: string): StatusCode[] {
  return [...text.matchAll(enhancedCode)].map(([code, severity, , detail]) => ({
    code,
    severity: Number(severity),
    isSpecific: Number(detail) !== 0,
  }));
}

/**
 * Picks the code that says most: the report's own before the remote server's, and a specific one before a general one. A reply code such as
 * 550 stands for a general one.
 */
export function pickStatusCode(statusField: string, diagnostic: string): StatusCode | null {
  const codes = [...listStatusCodes(statusField), ...listStatusCodes(diagnostic)];
  const severity = replyCode.exec(diagnostic)?.[1];
  const fromReply = severity ? { code: `${severity}.0.0`, severity: Number(severity), isSpecific: false } : null;
  return codes.find(({ isSpecific }) => isSpecific) ?? codes[0] ?? fromReply;
}

/** Returns the class of a code; null when the code has more than one meaning in practice. */
export function classifyStatusCode(code: string): FailureClass | null {
  const [, subject, detail] = code.split('.');
  const known = permanentClasses[code] ?? classes[`${subject}.${detail}`];
  if (known) return known;
  if (subject === '6') return 'content';
  if (subject === '7') return blockedDetails(Number(detail)) ? 'blocked' : 'policy';
  return subject === '4' && detail !== '0' ? 'network' : null;
}

/** Returns the class of a code by its subject alone (RFC 3463 3.1), for a report that says no more. */
export function classifySubject(code: string): FailureClass | null {
  return ({ 1: 'invalid_recipient', 4: 'network' }[code.split('.')[1] ?? ''] as FailureClass | undefined) ?? null;
}

/** Returns whether a line has an SMTP reply that refuses: a reply code with text, or an enhanced code. */
export function hasReplyCode(line: string): boolean {
  return /(?<![\d.])[45]\d\d(?=[ -])/.test(line) || listStatusCodes(line).some(({ severity }) => severity !== 2);
}
