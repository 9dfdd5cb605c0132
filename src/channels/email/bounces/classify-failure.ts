import { clearPhrases, type PhraseTable, vaguePhrases } from './failure-phrases.ts';
import type { DeliveryAction, FailureClass, ReportedRecipient } from './mail-report.ts';
import { maxReport } from './mail-report.ts';
import { hasAnyPhrase, parsePhrases, toWords } from './phrases.ts';
import { classifyStatusCode, classifySubject, pickStatusCode, type StatusCode } from './status-codes.ts';

export interface FailureText {
  /** Status field of the report, if it has one. */
  readonly status: string;
  /** Reply of the server that refused. */
  readonly diagnostic: string;
  /** What the report says to people about this recipient; read when the rest states no cause. */
  readonly context: string;
}

const senderStage = parsePhrases('after mail from, reply to mail from, response to mail from');

/**
 * Classifies a failure: first by phrases with one meaning, as servers use 5.7.1 and 5.0.0 for each cause; then by the status code; then by
 * vague phrases.
 */
export function classifyFailure(failure: FailureText): FailureClass {
  const diagnostic = unwrapReply(failure.diagnostic);
  const status = pickStatusCode(failure.status, diagnostic);
  const words = toWords(diagnostic);
  const context = toWords(failure.context);
  const found =
    (status && isAboutSender(status) ? 'policy' : null) ??
    findClass(words, clearPhrases) ??
    (status && classifyStatusCode(status.code)) ??
    findClass(context, clearPhrases) ??
    findClass(words, vaguePhrases) ??
    classifyCodes(failure.context) ??
    findClass(context, vaguePhrases) ??
    (status && classifySubject(status.code)) ??
    'other';
  // What does not exist in response to MAIL FROM is the sender.
  const isSender = hasAnyPhrase(words, senderStage) || hasAnyPhrase(context, senderStage);
  return found === 'invalid_recipient' && isSender ? 'policy' : found;
}

/** Returns whether a text says that there is no such recipient. @param words from `toWords` */
export function hasInvalidRecipient(words: string): boolean {
  return findClass(words, clearPhrases) === 'invalid_recipient';
}

/** Drops Cisco's own verdict from `5.1.0 - Unknown address error 550-'5.7.1 ...'`: the quoted reply is the remote server's. */
function unwrapReply(diagnostic: string): string {
  const match = /^[45]\.\d\.\d - [^']{0,100}'/.exec(diagnostic);
  return match ? diagnostic.slice(match[0].length) : diagnostic;
}

/** Builds a recipient's row: class, most specific status, and whether the failure is permanent. */
export function describeRecipient(
  address: string | null,
  action: DeliveryAction,
  failure: FailureText,
  finalAddress: string | null = null,
): ReportedRecipient {
  const status = pickStatusCode(failure.status, failure.diagnostic) ?? pickStatusCode('', failure.context);
  const failureClass = isFailure(action) ? classifyFailure(failure) : 'other';
  const diagnostic = (failure.diagnostic || failure.context).trim().replace(/\s+/g, ' ').slice(0, maxReport.diagnosticChars);
  return {
    address,
    ...(finalAddress !== null && finalAddress !== address ? { finalAddress } : {}),
    action,
    ...(status ? { status: status.code } : {}),
    ...(diagnostic ? { diagnostic } : {}),
    class: failureClass,
    isPermanent: action === 'failed' && isPermanentFailure(failureClass, status),
  };
}

/** Returns whether a code speaks of the sender's address, so that the text's unknown domain is the sender's. */
function isAboutSender({ code }: StatusCode): boolean {
  return /^[45]\.1\.[78]$/.test(code);
}

function classifyCodes(text: string): FailureClass | null {
  const status = pickStatusCode('', text);
  return status && classifyStatusCode(status.code);
}

function findClass(words: string, table: PhraseTable): FailureClass | null {
  return table.find(([, phrases]) => hasAnyPhrase(words, phrases))?.[0] ?? null;
}

function isFailure(action: DeliveryAction): boolean {
  return action === 'failed' || action === 'delayed';
}

/** A general 4.0.0 with an address that does not exist is permanent: Google reports unknown domains so. */
function isPermanentFailure(failureClass: FailureClass, status: StatusCode | null): boolean {
  if (failureClass === 'invalid_recipient' && !(status?.isSpecific && status.severity === 4)) return true;
  return status ? status.severity === 5 : !['network', 'other'].includes(failureClass);
}
