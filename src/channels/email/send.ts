import { toAsciiAddress, toMailKey } from '../../core/address.ts';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { parseRecipients, type RefusedRecipient } from '../mail/addresses.ts';
import { buildContent } from '../mail/content.ts';
import { composeMail, getMessageId } from './compose.ts';
import { type EmailContext, getOwnAddress, listSecrets } from './config.ts';
import { listOpenRecipients, readSettledRecipients } from './recipient-states.ts';
import { redactText, type ServerError } from './server-errors.ts';
import { classifyRefusal, type Refusal } from './smtp-replies.ts';
import { openSmtpSession } from './smtp-session.ts';
import { type Submission, submitMail } from './submit.ts';

/** Limit before the server has named its own, in bytes as sent. Microsoft 365 has the highest of the large hosts. */
const maxBytes = 150_000_000;
const maxRecipients = 100;

/**
 * Sends an email in one transaction, whose header names all recipients. Recipients that the server refuses are reported alone; those that it defers
 * are tried again, without the others. SMTP has no idempotency key: an attempt without a reply to the end of the mail may have sent it.
 */
export async function sendMessage(context: EmailContext, message: OutboundMessage): Promise<SendOutcome> {
  const { config } = context.connection;
  // A line break would hide an address in the name of another.
  if (/[\r\n]/.test(message.to)) return { kind: 'rejected', code: 'invalid_address', message: 'The address has a line break.' };
  const { mailboxes, refused: invalid } = parseRecipients(message.to);
  const settled = readSettledRecipients(message);
  const open = listOpenRecipients(mailboxes, settled);
  if (open.length === 0) return toSettledOutcome(message, [...invalid, ...settled.refused], settled.reachedCount);
  if (mailboxes.length > maxRecipients) {
    const reason = `The email has ${mailboxes.length} recipients; ${maxRecipients} are allowed.`;
    return { kind: 'rejected', code: 'too_many_recipients', message: reason };
  }
  // Files before the connection: servers cut one that is silent.
  const content = await buildContent(context, message, maxBytes);
  if ('failure' in content) return content.failure;
  const bytes = await composeMail(context, message, mailboxes, content);
  const session = await openSmtpSession(context);
  if ('failure' in session) {
    return { ...toWaitOutcome(session.failure), ...toResponse(session.failure.response, context) };
  }
  const messageId = getMessageId(message, config);
  const submission = await submitMail(context, session, {
    envelope: {
      // Bounces come to the mailbox that is read, whichever sender the header names.
      from: getOwnAddress(config),
      to: open.map(({ address }) => toAsciiAddress(address)),
      size: bytes.length,
      dsn: {
        ret: 'HDRS',
        envid: messageId.slice(0, messageId.indexOf('@')),
        notify: [...(config.deliveryReports ? ['SUCCESS' as const] : []), 'FAILURE', 'DELAY'],
      },
    },
    bytes,
  });
  if (submission.kind === 'accepted') session.close();
  return toOutcome(context, submission, {
    messageId,
    hasSeveral: mailboxes.length + invalid.length > 1,
    // An invalid address is refused once: with the first attempt.
    invalid: invalid.filter(({ address }) => !settled.isSettled(address)),
    reachedCount: settled.reachedCount,
    open: open.map(({ address }) => address),
  });
}

interface SendState {
  readonly messageId: string;
  readonly hasSeveral: boolean;
  readonly invalid: readonly RefusedRecipient[];
  /** Reached by earlier attempts. */
  readonly reachedCount: number;
  /** Recipients of this attempt. */
  readonly open: readonly string[];
}

/** Converts the result of one attempt. */
function toOutcome(context: EmailContext, submission: Submission, state: SendState): SendOutcome {
  const { messageId, hasSeveral, invalid, reachedCount, open } = state;
  if (submission.kind === 'failed') {
    const { host } = context.connection.config.smtp;
    return submission.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: `${host} did not take the email: ${submission.message}.` }
      : { kind: 'unknown', code: 'no_reply', message: `${host} did not confirm the email: ${submission.message}.` };
  }
  const isAccepted = submission.kind === 'accepted';
  const { refused, deferred } = sortRefusals(context, submission);
  const dropped = new Set([...refused, ...deferred].map(({ address }) => toMailKey(address)));
  const reached = isAccepted ? open.filter((address) => !dropped.has(toMailKey(address))) : [];
  const rejectedRecipients = [...invalid, ...refused];
  const settled = {
    ...toResponse(isAccepted ? submission.response : submission.error.response, context),
    ...(isAccepted && submission.serverMessageId ? { aliases: [submission.serverMessageId] } : {}),
    ...(hasSeveral && reached.length > 0 ? { reachedRecipients: reached } : {}),
    ...(hasSeveral && rejectedRecipients.length > 0 ? { rejectedRecipients } : {}),
  };
  // What stops other messages as well decides first.
  const wait =
    deferred.find((one) => one.class === 'account') ?? deferred.find(({ pauseMs }) => pauseMs !== undefined) ?? deferred[0];
  if (wait) {
    const ids = isAccepted ? { acceptedParts: [messageId] } : {};
    return { ...toWaitOutcome(wait), ...settled, ...ids };
  }
  if (isAccepted || (submission.rejected.length > 0 && reachedCount > 0)) {
    return { kind: 'accepted', externalIds: [messageId], ...settled };
  }
  const [firstRefused] = refused;
  if (firstRefused) return { kind: 'rejected', ...pickReason(firstRefused), isAuthoritative: true, ...settled };
  return { ...toRefusalOutcome(submission.error), ...settled };
}

const pickReason = ({ code, message }: RefusedRecipient) => ({ code, message });

/** Converts the refusal of the whole email. */
function toRefusalOutcome(error: ServerError): SendOutcome {
  if (error.responseCode === undefined) {
    return error.code === 'EMESSAGE'
      ? { kind: 'rejected', code: 'too_large', message: 'The email is larger than the mail server accepts.' }
      : { kind: 'rejected', code: 'invalid_address', message: 'The mail server can’t send to this address.' };
  }
  const refusal = classifyRefusal(error);
  if (refusal.class !== 'message') return toWaitOutcome(refusal);
  return { kind: 'rejected', code: refusal.code, message: refusal.message, isAuthoritative: true };
}

/** Converts a refusal that the message can't help: it waits for the account, or for a later moment. */
function toWaitOutcome({ class: kind, code, message, pauseMs }: Refusal): SendOutcome {
  if (kind === 'account') return { kind: 'connection_error', code, message };
  const pause = pauseMs === undefined ? {} : { retryAfterMs: pauseMs, isConnectionWide: true };
  return { kind: 'unavailable', code, message, ...pause };
}

/**
 * Sorts the recipients that were refused in this attempt: for good, or until later. A server that asks for a sign-in may do so at a recipient
 * (`530 5.7.57` of Exchange); where it has accepted another one, the account is good and that recipient alone waits.
 */
function sortRefusals(context: EmailContext, { kind: result, rejected }: Exclude<Submission, { kind: 'failed' }>) {
  const rows = rejected.flatMap((error) => {
    const refusal = classifyRefusal(error);
    const address = error.recipient ?? '';
    const reply = redactText(error.response ?? '', listSecrets(context.connection.config));
    const message = reply ? `${refusal.message} (${reply})` : refusal.message;
    return address === '' ? [] : [{ ...refusal, address, message }];
  });
  const isMessage = ({ class: kind }: Refusal) => kind === 'message';
  return {
    refused: rows.filter(isMessage).map(({ address, code, message }) => ({ address, code, message })),
    deferred: rows
      .filter((row) => !isMessage(row))
      .map((row) => (result === 'accepted' ? { ...row, class: 'later' as const } : row)),
  };
}

/** Reports an email without an open recipient: no address is valid, or earlier attempts have settled all. */
function toSettledOutcome(message: OutboundMessage, refused: readonly RefusedRecipient[], reachedCount: number): SendOutcome {
  if (reachedCount > 0) {
    const rejectedRecipients = refused.length > 0 ? { rejectedRecipients: refused } : {};
    return { kind: 'accepted', externalIds: message.acceptedParts, ...rejectedRecipients };
  }
  const reason = refused[0] ?? { code: 'invalid_address', message: 'The email has no recipient.' };
  return { kind: 'rejected', code: reason.code, message: reason.message };
}

function toResponse(response: string | undefined, context: EmailContext): { response?: string } {
  return response ? { response: redactText(response, listSecrets(context.connection.config)) } : {};
}
