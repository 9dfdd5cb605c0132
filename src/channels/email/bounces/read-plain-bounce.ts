import { describeRecipient, hasInvalidRecipient } from './classify-failure.ts';
import { type FailedAddress, findFailedAddresses, listAddresses, listFailedNames } from './find-failed-addresses.ts';
import type { DeliveryAction, ReportedRecipient } from './mail-report.ts';
import { type ParsedMail, parseHeaderLines } from './parse-mail.ts';
import { hasAnyPhrase, parsePhrases, toWords } from './phrases.ts';
import { readDeliveryStatus } from './read-delivery-status.ts';
import {
  getAutoSubmitted,
  getHeader,
  hasNullReturnPath,
  isAutoReply,
  isFromMailServer,
  isSilentSender,
} from './sender-kind.ts';
import type { ReportText } from './split-original.ts';
import { hasReplyCode } from './status-codes.ts';

/** Headers that name the mailbox to which the report went: the sender's. */
const reportHeaders = ['to', 'delivered-to', 'x-original-to', 'envelope-to'];
const failurePhrases = parsePhrases(`
  could not be delivered, could not be sent, couldn t be delivered, cannot be delivered, can t be delivered, not be delivered
  not delivered, wasn t delivered, wasn t able to deliver, unable to deliver, unable to be delivered, undeliver, deliver … fail
  delivery error, delivery status, delivery notification, delivery report, delivering your m, sending your m, delevery, fail … deliver
  failure notice, mail failure, returned mail, returned to sender, did not reach, could not be reached, rejected by, was rejected
  non delivery, postponed, undelivered, n a pas pu etre, n a pas pu être, n a pu être, unable to relay, returned to you, delivery warning
  rejected recipient, permanent error, fatal error, permanent fatal, failed permanently, failure reasons, mail system error
  message delayed, delivery … delayed, delayed, not yet been delivered, could not send, transcript of session, trouble delivering
  invalid final, unzustellbar, nicht zugestellt, zustellung, unzustell, non remis, non distribu, echec, échec, no se pudo entregar
  no entregado, non recapitabil, mancato recapito, não foi entregue, não entregue, не доставлено, недоставлен, не может быть доставлено
  onbestelbaar, niet afgeleverd, 送信できませんでした, 配信できません, エラー, 配信不能, 退信, 无法
`);
/** Words of failure that count when a mail server returns a mail or quotes a refusal. */
const looseFailurePhrases = parsePhrases('fail, error, reject, return, refused, unable, unknown, not exist');
const delayPhrases = parsePhrases(`
  delayed, not yet been delivered, will be retried, warning message only, delivery attempts will continue, still undelivered
  will keep trying, continue trying, continue to try, will continue to be made, could not send … past, do not need to resend, postponed, retried for
`);

/**
 * Reads a bounce that has no machine-readable part: qmail, Exim, old Exchange and others. A mail counts as one only with a sign of a mail
 * server in its headers and words of failure in its text; without a server's name as sender also with a returned mail or an SMTP reply.
 *
 * @returns null for other mail
 */
export function readPlainBounce(mail: ParsedMail, { statement, original }: ReportText): ReportedRecipient[] | null {
  const words = toWords(`${mail.subject.slice(0, 200)}\n${statement}`);
  const isReturned = isFromMailServer(mail) && (original !== '' || statement.split('\n').some(hasReplyCode));
  const isFailure =
    hasAnyPhrase(words, failurePhrases) ||
    mail.headers.has('x-failed-recipients') ||
    isUnknownRecipient(mail, words, statement);
  if (!isFailure && !(isReturned && hasAnyPhrase(words, looseFailurePhrases))) return null;
  if (!isCredible(mail, statement, original)) return null;
  const action: DeliveryAction = hasAnyPhrase(words, delayPhrases) ? 'delayed' : 'failed';
  const returned = listAddresses(parseHeaderLines(original.trimStart()).find(({ key }) => key === 'to')?.value ?? '');
  const own = new Set(reportHeaders.flatMap((name) => listAddresses(getHeader(mail, name))));
  for (const address of returned) own.delete(address);
  const found = findRecipients(mail, statement, own, returned);
  const declared = listAddresses(getHeader(mail, 'x-failed-recipients'));
  if (found.length === 0 && declared.length === 0) {
    // A gateway that returns another server's report and says no more.
    const nested = readDeliveryStatus(original, '', null);
    if (nested.length > 0) return nested;
  }
  const addresses =
    declared.length > 0 ? declared : found.length > 0 ? found.map(({ address }) => address) : returned.slice(0, 1);
  const preamble = findPreamble(statement, addresses);
  return (addresses.length > 0 ? [...new Set(addresses)] : [null]).map((address) => {
    const context = found.find((other) => other.address === address)?.context ?? '';
    const diagnostic = pickDiagnostic(context || statement);
    return describeRecipient(address, action, { status: '', diagnostic, context: addresses.length > 1 ? preamble : statement });
  });
}

/** Finds the recipients in the text. The reader's own address counts where the mail went to itself. */
function findRecipients(
  mail: ParsedMail,
  statement: string,
  own: ReadonlySet<string>,
  returned: readonly string[],
): FailedAddress[] {
  const foreign = findFailedAddresses(statement, own);
  if (foreign.length > 0 || returned.length > 0) return foreign;
  const domain = mail.from?.split('@')[1];
  const names = domain ? listFailedNames(statement) : [];
  if (names.length > 0) return names.map((name) => ({ address: `${name.toLowerCase()}@${domain}`, context: statement }));
  return findFailedAddresses(statement, new Set());
}

/** Returns what a report about several recipients says before it names the first: the cause that all share. */
function findPreamble(statement: string, addresses: readonly string[]): string {
  const text = statement.toLowerCase();
  const starts = addresses.map((address) => text.indexOf(address)).filter((start) => start >= 0);
  return starts.length > 0 ? statement.slice(0, Math.min(...starts)) : '';
}

/** Returns whether a server without a name of its own says that there is no such recipient. */
function isUnknownRecipient(mail: ParsedMail, words: string, statement: string): boolean {
  const isServer = hasNullReturnPath(mail) && isFromMailServer(mail);
  return isServer && hasInvalidRecipient(words) && listAddresses(statement).length > 0;
}

function isCredible(mail: ParsedMail, statement: string, original: string): boolean {
  if (isFromMailServer(mail) || mail.contentType.startsWith('multipart/report')) return true;
  // An automatic response may quote the mail and say that its author can't be reached.
  const hasProof = (original !== '' && !isAutoReply(mail)) || statement.split('\n').some(hasReplyCode);
  return (hasNullReturnPath(mail) || getAutoSubmitted(mail) !== '' || mail.from === null || isSilentSender(mail)) && hasProof;
}

/**
 * Picks the first SMTP reply that refuses, with its following lines up to an empty one or another reply. Without a reply, the whole text.
 */
function pickDiagnostic(context: string): string {
  const lines = context.split('\n').map((line) => line.trim());
  const start = lines.findIndex(hasReplyCode);
  if (start < 0) return context.trim();
  const code = toReplyCode(lines[start] ?? '');
  const length = lines.slice(start + 1).findIndex((line) => line === '' || ![null, code].includes(toReplyCode(line)));
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join('\n');
}

/** Returns the code with which a line begins, or the client's side of a transcript. */
function toReplyCode(line: string): string | null {
  return /^(?:<<< |Out: |>>> |In: )?(\d{3})(?=[ -])/.exec(line)?.[1] ?? (/^(?:>>>|In:)/.test(line) ? '' : null);
}
