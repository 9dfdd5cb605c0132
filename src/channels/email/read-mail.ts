import type { Clock } from '../../core/clock.ts';
import { truncate } from '../../core/sanitize.ts';
import type { Log } from '../../runtime/log.ts';
import type { ChannelEvent } from '../channel.ts';
import { getDomain, isSameAddress } from '../mail/addresses.ts';
import { findRepliedMessage, getHeader, type MailHeaders } from '../mail/headers.ts';
import { parseMessageId, parseOwnMessageId } from '../mail/message-id.ts';
import { mailOptOutReasons } from '../mail/opt-out-reasons.ts';
import { toReplyReceipts } from '../mail/reply-receipt.ts';
import { findUnsubscribedAddress, mayUnsubscribe } from '../mail/unsubscribe.ts';
import { judgeSender } from './authenticity.ts';
import type { MailReport } from './bounces/mail-report.ts';
import { readMailReport } from './bounces/read-mail-report.ts';
import { type EmailConfig, type EmailContext, getOwnAddress } from './config.ts';
import { maxMailBytes } from './imap-client.ts';
import { type MailPlace, toInboundContent } from './inbound.ts';
import { findAuthServer } from './known-servers.ts';
import { parseIncomingMail, parseMailHeaders } from './parse-incoming-mail.ts';
import { findReportedMessage, toReportEvents } from './report-events.ts';

/** The connection of a mailbox, as far as its mails are read with it. */
export type MailConnection = Pick<EmailContext['connection'], 'id' | 'config' | 'previousConfig'>;

export interface FetchedMail {
  readonly place: MailPlace;
  /** The mail, or its headers where it is too large or the server does not deliver it. */
  readonly bytes: Uint8Array;
  readonly receivedAt: Date | undefined;
  /** Size of a mail of which only the headers were fetched. */
  readonly omittedBytes?: number | undefined;
}

/** What a mail is for the program: events, or a reason to leave it in the mailbox. */
export type ReadMail = { readonly events: readonly ChannelEvent[] } | { readonly ignored: string };

/** Counts the mails of each sender: two programs that reply to each other would not stop. */
export interface LoopGuard {
  /** Returns true when the sender has sent too many mails in a short time. @param receivedAt by the mailbox; without it, the present time */
  isLoop(address: string, receivedAt?: Date): boolean;
}

const loopWindowMs = 10 * 60 * 1000;
const maxInWindow = 10;
const maxSenders = 10_000;

/** Creates the guard of one session. */
export function createLoopGuard(clock: Pick<Clock, 'now'>): LoopGuard {
  const recent = new Map<string, number[]>();
  return {
    // By the times of receipt: after an outage the mails of days are read at once.
    isLoop(address, receivedAt) {
      const at = receivedAt?.getTime() ?? clock.now();
      const times = [...(recent.get(address.toLowerCase()) ?? []), at].slice(-maxInWindow - 1);
      if (recent.size >= maxSenders) recent.clear();
      recent.set(address.toLowerCase(), times);
      return times.filter((time) => Math.abs(time - at) < loopWindowMs).length > maxInWindow;
    },
  };
}

/**
 * Reads a mail: a report becomes receipts, a person's mail a message, and all others stay in the mailbox, as a message would start workflows.
 *
 * @throws what the parser throws for a mail that it can't read
 */
export async function readMail(connection: MailConnection, guard: LoopGuard, mail: FetchedMail): Promise<ReadMail> {
  const optOut = await readUnsubscription(connection, mail);
  if (optOut) return { events: [optOut] };
  const { config } = connection;
  const report = await readMailReport(mail.bytes);
  if (report.kind !== 'message') {
    const message = findReportedMessage(report);
    if (!message) return { ignored: `${report.kind}_of_no_message` };
    const events = toReportEvents(report, message, mail.receivedAt);
    return events.length > 0 ? { events } : { ignored: report.kind };
  }
  return readMessage(config, guard, mail, report);
}

const maxSubjectOffset = 64 * 1024;

/**
 * Reads a mail that a mail program has written for a contact who unsubscribes. The proof in its subject was in one email alone, so it counts
 * whoever sends the mail: an alias of the contact, or a machine.
 */
async function readUnsubscription(
  { id, config, previousConfig }: MailConnection,
  { bytes, receivedAt }: FetchedMail,
): Promise<ChannelEvent | null> {
  if (!mayUnsubscribe(Buffer.from(bytes.subarray(0, maxSubjectOffset)).toString('latin1'))) return null;
  const { email } = await parseMailHeaders(bytes);
  const secrets = [config, previousConfig].flatMap((one) => one?.unsubscribeSecret ?? []);
  const address = findUnsubscribedAddress(id, secrets, email.subject ?? '');
  if (address === null) return null;
  const reason = mailOptOutReasons.link;
  return { kind: 'opt_out', optOut: { address, optedOut: true, category: 'all', reason, occurredAt: receivedAt } };
}

async function readMessage(
  config: EmailConfig,
  guard: LoopGuard,
  mail: FetchedMail,
  report: Extract<MailReport, { kind: 'message' }>,
): Promise<ReadMail> {
  const own = getOwnAddress(config);
  const beginning = await parseMailHeaders(mail.bytes);
  const { headers, from } = beginning;
  if (!from) return { ignored: 'no_sender' };
  if (isSameAddress(from.address, own) || isOwnMail(config, headers, from.address)) return { ignored: 'own_mail' };
  const replied = findRepliedMessage(headers, own);
  const repliedId = replied?.messageId;
  if (report.origin !== 'person' && (report.origin !== 'list' || repliedId === undefined)) return { ignored: report.origin };
  const server = findAuthServer(config);
  const judged = judgeSender(headers.get('authentication-results') ?? [], from.address, server);
  if (judged === 'failed') return { ignored: 'sender_not_proved' };
  if (judged === 'unknown' && config.unverifiedSenders === 'hold') return { ignored: 'sender_not_proved' };
  if (repliedId === undefined && config.strangers === 'ignore') return { ignored: 'stranger' };
  if (guard.isLoop(from.address, mail.receivedAt)) return { ignored: 'loop' };
  const whole = mail.omittedBytes === undefined ? await parseIncomingMail(mail.bytes) : null;
  const inbound = toInboundContent(whole ?? beginning, {
    place: mail.place,
    own,
    // Without the server's name no email can be proved: a note on each would warn of nothing, and hide words such as STOP.
    isMarked: judged !== 'proved' && config.unverifiedSenders === 'mark' && server !== undefined,
    receivedAt: mail.receivedAt,
    note: whole ? undefined : toOmissionNote(mail.omittedBytes),
  });
  if (!inbound) return { ignored: 'no_sender' };
  return { events: [{ kind: 'inbound', inbound }, ...toReplyReceipts(replied, from.address, mail.receivedAt)] };
}

/**
 * Returns whether a mail is one that this mailbox sent: a copy to itself, or one that came back through a list. The id alone proves nothing: other
 * installations of this program write such too; so does another mailbox of the same host, such as Gmail's.
 */
function isOwnMail(config: EmailConfig, headers: MailHeaders, from: string): boolean {
  const own = getOwnAddress(config);
  const isOtherMailbox =
    getDomain(from) === getDomain(own) &&
    !config.senders.some((sender) => isSameAddress(from, getOwnAddress({ from: sender })));
  if (isOtherMailbox && !headers.has('list-id')) return false;
  const ids = ['message-id', 'x-google-original-message-id'].flatMap((name) => parseMessageId(getHeader(headers, name)) ?? []);
  return ids.some((id) => parseOwnMessageId(id) !== undefined && getDomain(id) === getDomain(own));
}

/** Says why only the headers of a mail are there. @param bytes of a mail that was not fetched whole */
function toOmissionNote(bytes: number | undefined): string {
  const size = bytes !== undefined && bytes > maxMailBytes ? `The email has ${Math.ceil(bytes / 1_000_000)} MB` : null;
  const reason =
    size ?? (bytes === undefined ? 'The email is too complex to be shown' : 'The mail server could not deliver this email');
  return `[${reason}. Only its subject is here; the email is in the mailbox.]`;
}

/** Reads a mail that may be broken: its reader must block no other mail. @returns null for a mail that can't be read */
export async function tryReadMail(
  log: Log,
  connection: MailConnection,
  guard: LoopGuard,
  mail: FetchedMail,
): Promise<ReadMail | null> {
  try {
    return await readMail(connection, guard, mail);
  } catch (error) {
    const reason = truncate(error instanceof Error ? error.message : String(error), 200);
    log.warn({ uid: mail.place.uid, reason }, 'an email could not be read and is left in the mailbox');
    return null;
  }
}
