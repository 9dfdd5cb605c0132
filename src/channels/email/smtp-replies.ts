import type { ServerError } from './server-errors.ts';

/** What a refusal is about: the message or its recipient, a later moment, or the account of the connection. */
export type RefusalClass = 'message' | 'later' | 'account';

export interface Refusal {
  readonly class: RefusalClass;
  readonly code: string;
  readonly message: string;
  /** Setting of the server that a failed connection suggests. */
  readonly setting?: 'host' | 'security';
  /** The server refuses the connection's other messages as well, for about this time. */
  readonly pauseMs?: number;
}

type Row = readonly [kind: RefusalClass, code: string, message: string, pauseMs?: number];

/** Limits are of a day, and Gmail's and Microsoft's count the last 24 hours: room comes back by and by. */
const limitPauseMs = 60 * 60 * 1000;

const sendingLimitRow: Row = [
  'later',
  'sending_limit',
  'The mailbox has reached a sending limit of its mail host.',
  limitPauseMs,
];

/** Enhanced status codes (RFC 3463 and the registry of IANA, with those of Microsoft) whose meaning decides more than the reply code. */
const enhanced: Readonly<Record<string, Row>> = {
  // Microsoft's reply to more than three connections at once: `432 4.3.2 Concurrent connections limit exceeded`.
  '4.3.2': ['later', 'deferred', 'The mail server asks to try again later.'],
  '5.1.1': ['message', 'unknown_address', 'There is no mailbox with this address.'],
  '5.1.2': ['message', 'unknown_domain', 'There is no mail server for this address.'],
  '5.1.3': ['message', 'invalid_address', 'The mail server does not accept the form of this address.'],
  '5.1.6': ['message', 'unknown_address', 'The mailbox has moved.'],
  '5.1.7': ['message', 'sender_not_allowed', 'The mail server does not accept the sender’s address.'],
  '5.1.8': ['message', 'sender_not_allowed', 'The domain of the sender’s address does not exist.'],
  '5.1.10': ['message', 'unknown_domain', 'The domain of this address accepts no email.'],
  '5.1.90': sendingLimitRow,
  '5.2.1': ['message', 'mailbox_disabled', 'The mailbox is disabled.'],
  '5.2.2': ['message', 'mailbox_full', 'The mailbox is full.'],
  '5.2.3': ['message', 'too_large', 'The email is larger than the mailbox accepts.'],
  '5.2.252': ['message', 'sender_not_allowed', 'The account may not send from this address.'],
  '5.3.4': ['message', 'too_large', 'The email is larger than the mail server accepts.'],
  '5.4.4': ['message', 'unknown_domain', 'The mail server found no way to this address.'],
  // Gmail: `550 5.4.5 Daily user sending limit exceeded`.
  '5.4.5': sendingLimitRow,
  '5.5.3': ['later', 'too_many_recipients', 'The mail server accepts fewer recipients in one email.'],
  '5.7.8': ['account', 'credentials', 'The mail server does not accept the user name or the password.'],
  '5.7.9': ['account', 'credentials', 'The mail server does not accept this kind of sign-in.'],
  '5.7.13': ['account', 'account_disabled', 'The account is disabled.'],
  '5.7.14': ['account', 'credentials', 'The mail server asks the user to sign in with a browser.'],
  '5.7.20': ['message', 'sender_not_authenticated', 'The email has no valid DKIM signature.'],
  '5.7.21': ['message', 'sender_not_authenticated', 'The email has no accepted DKIM signature.'],
  '5.7.22': ['message', 'sender_not_authenticated', 'The DKIM signature is of another domain.'],
  '5.7.23': ['message', 'sender_not_authenticated', 'The SPF record of the sender’s domain does not name the mail server.'],
  '5.7.25': ['message', 'sender_not_authenticated', 'The mail server has no reverse DNS entry.'],
  '5.7.26': ['message', 'sender_not_authenticated', 'The sender’s domain is proved neither by SPF nor by DKIM.'],
  '5.7.30': ['account', 'basic_login_disabled', 'The mail server accepts no passwords any more: sign in with OAuth 2.'],
  '5.7.57': ['account', 'credentials', 'The mail server asks for a sign-in before it sends.'],
  '5.7.60': ['message', 'sender_not_allowed', 'The account may not send from this address.'],
  '5.7.139': ['account', 'basic_login_disabled', 'SMTP sign-in is turned off for this mailbox.'],
  '5.7.515': ['message', 'sender_not_authenticated', 'The sender’s domain does not meet the rules for many emails.'],
};

/** Reply codes (RFC 5321) for replies without an enhanced code of their own meaning. */
const replies: Readonly<Record<number, Row>> = {
  432: ['account', 'credentials', 'The mail server asks for a new password.'],
  454: ['later', 'login_unavailable', 'The mail server can’t check the sign-in at present.'],
  530: ['account', 'credentials', 'The mail server asks for a sign-in before it sends.'],
  534: ['account', 'credentials', 'The mail server does not accept this kind of sign-in.'],
  535: ['account', 'credentials', 'The mail server does not accept the user name or the password.'],
  538: ['account', 'credentials', 'The mail server asks for encryption before the sign-in.'],
  550: ['message', 'refused', 'The mail server refused the recipient or the email.'],
  551: ['message', 'unknown_address', 'The mailbox has moved.'],
  552: ['message', 'too_large', 'The email is larger than the mailbox or the mail server accepts.'],
  553: ['message', 'invalid_address', 'The mail server does not accept this address.'],
  556: ['message', 'unknown_domain', 'The domain of this address accepts no email.'],
};

const laterRow: Row = ['later', 'deferred', 'The mail server asks to try again later.'];
const messageRow: Row = ['message', 'refused', 'The mail server refused the email.'];

/**
 * Name of the exception with which Exchange reports a sending limit: `554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException`
 * (learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements) or `550 5.2.2 Submission quota exceeded`. The codes alone
 * have other meanings.
 */
const submissionQuota = /\bsubmission ?quota ?exceeded/i;

/**
 * Classifies a refusal of an SMTP server: by its enhanced status code where that is of the class of the reply code, else by the reply code; never
 * by words for people.
 */
export function classifyRefusal(error: Pick<ServerError, 'response' | 'responseCode' | 'command'>): Refusal {
  const reply = error.responseCode ?? 0;
  if (submissionQuota.test(error.response ?? '')) return toRefusal(sendingLimitRow);
  const [code, kind] = findEnhancedCode(error.response ?? '', reply);
  // Before the recipients, a server that is full of recipients says so with 452 or 552.
  const isRecipientLimit = error.command === 'RCPT TO' && kind === 'x.5.3';
  const row = isRecipientLimit ? enhanced['5.5.3'] : (enhanced[code] ?? findSubject(code) ?? replies[reply]);
  return toRefusal(row ?? (reply < 500 ? laterRow : messageRow));
}

/** Subjects of enhanced codes whose details are too many to list. */
function findSubject(code: string): Row | undefined {
  if (code.startsWith('5.6.')) return ['message', 'content_refused', 'The mail server refused the content of the email.'];
  if (code.startsWith('5.7.')) return ['message', 'refused_by_policy', 'A rule of the mail server refuses the email.'];
  return undefined;
}

function toRefusal([kind, code, message, pauseMs]: Row): Refusal {
  return { class: kind, code, message, ...(pauseMs === undefined ? {} : { pauseMs }) };
}

/** Finds the enhanced status code behind the reply code. */
function findEnhancedCode(response: string, reply: number): [string, string] {
  const found = /^\d{3}[ -]([245])\.(\d{1,3})\.(\d{1,3})(?!\d)/.exec(response);
  if (!found || found[1] !== String(reply)[0]) return ['', ''];
  return [`${found[1]}.${found[2]}.${found[3]}`, `x.${found[2]}.${found[3]}`];
}

/** Classifies a refusal of the sign-in: a temporary one waits, every other one is about the account. */
export function classifyLoginRefusal(error: Pick<ServerError, 'response' | 'responseCode' | 'command'>): Refusal {
  const refusal = classifyRefusal(error);
  if (refusal.class !== 'message') return refusal;
  return { class: 'account', code: 'credentials', message: 'The mail server does not accept the user name or the password.' };
}
