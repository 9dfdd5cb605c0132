import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { parseRecipients, type RefusedRecipient } from '../mail/addresses.ts';
import { buildContent } from '../mail/content.ts';
import { chooseMailSender, composeMail, getMessageId } from './compose.ts';
import { type EmailContext, getOwnAddress, listSecrets } from './config.ts';
import {
  formatSettledRecipients,
  listEarlierRefusals,
  listOpenRecipients,
  parseSettledRecipients,
} from './recipient-states.ts';
import { redactText, type ServerError } from './server-errors.ts';
import { classifyRefusal } from './smtp-replies.ts';
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
  const settled = parseSettledRecipients(message.acceptedParts);
  const open = listOpenRecipients(mailboxes, settled);
  const earlier = [...invalid, ...listEarlierRefusals(settled)];
  if (open.length === 0) return toSettledOutcome(message, earlier, settled.reached.size);
  if (mailboxes.length > maxRecipients) {
    const reason = `The email has ${mailboxes.length} recipients; ${maxRecipients} are allowed.`;
    return { kind: 'rejected', code: 'too_many_recipients', message: reason };
  }
  // Files before the connection: servers cut one that is silent.
  const content = await buildContent(context, message, maxBytes);
  if ('failure' in content) return withParts(content.failure, message.acceptedParts);
  const bytes = await composeMail(context, message, mailboxes, content);
  const session = await openSmtpSession(context);
  if ('failure' in session) {
    const { class: kind, code, message: reason, response } = session.failure;
    const outcome = { kind: kind === 'account' ? 'connection_error' : 'unavailable', code, message: reason } as const;
    return withParts({ ...outcome, ...toResponse(response, context) }, message.acceptedParts);
  }
  const messageId = getMessageId(message, config);
  const submission = await submitMail(context, session, {
    envelope: {
      from: getOwnAddress({ from: chooseMailSender(config, message.from).from.address }),
      to: open.map(({ address }) => address),
      size: bytes.length,
      dsn: { ret: 'HDRS', envid: messageId.slice(0, messageId.indexOf('@')) },
    },
    bytes,
  });
  if (submission.kind === 'accepted') session.close();
  const hasSeveral = mailboxes.length > 1;
  const state = {
    messageId: hasSeveral ? `<${messageId}>` : messageId,
    hasSeveral,
    earlier,
    reached: [...settled.reached],
    open: open.map(({ address }) => address),
  };
  return toOutcome(context, message, submission, state);
}

interface SendState {
  /** In angle brackets where the email has several recipients, each of which is then a part. */
  readonly messageId: string;
  readonly hasSeveral: boolean;
  readonly earlier: readonly RefusedRecipient[];
  /** Reached by earlier attempts. */
  readonly reached: readonly string[];
  /** Recipients of this attempt. */
  readonly open: readonly string[];
}

/** Converts the result of one attempt. */
function toOutcome(context: EmailContext, message: OutboundMessage, submission: Submission, state: SendState): SendOutcome {
  const { messageId, hasSeveral, earlier, reached, open } = state;
  if (submission.kind === 'failed') {
    const { host } = context.connection.config.smtp;
    const outcome =
      submission.sent === 'no'
        ? ({
            kind: 'unavailable',
            code: 'unreachable',
            message: `${host} did not take the email: ${submission.message}.`,
          } as const)
        : ({
            kind: 'unknown',
            code: 'no_reply',
            message: `${host} did not confirm the email: ${submission.message}.`,
          } as const);
    return withParts(outcome, message.acceptedParts);
  }
  const { refused, deferred } = sortRefusals(context, submission.rejected);
  const dropped = new Set([...refused, ...deferred].map(({ address }) => address.toLowerCase()));
  const isAccepted = submission.kind === 'accepted';
  const nowReached = isAccepted ? open.filter((address) => !dropped.has(address.toLowerCase())) : [];
  const ids = isAccepted ? [messageId, ...(submission.serverMessageId ? [submission.serverMessageId] : [])] : [];
  const response = toResponse(isAccepted ? submission.response : submission.error.response, context);
  const key = message.idempotencyKey;
  const reachedParts = hasSeveral ? formatSettledRecipients(key, nowReached, []) : [];
  const externalIds = [...new Set([...message.acceptedParts, ...ids, ...reachedParts])];
  const [firstDeferred] = deferred;
  if (firstDeferred) {
    const settledParts = [...externalIds, ...formatSettledRecipients(key, [], refused)];
    const acceptedParts = settledParts.length > 0 ? { acceptedParts: settledParts } : {};
    return { kind: 'unavailable', code: firstDeferred.code, message: firstDeferred.message, ...response, ...acceptedParts };
  }
  const allRefused = [...earlier, ...refused];
  if (isAccepted || (submission.rejected.length > 0 && reached.length > 0)) {
    const rejectedRecipients = allRefused.length > 0 ? { rejectedRecipients: allRefused } : {};
    return { kind: 'accepted', externalIds, ...response, ...rejectedRecipients };
  }
  const [firstRefused] = refused;
  if (firstRefused) return { kind: 'rejected', ...pickReason(firstRefused), isAuthoritative: true, ...response };
  return withParts({ ...toRefusalOutcome(submission.error), ...response }, message.acceptedParts);
}

const pickReason = ({ code, message }: RefusedRecipient) => ({ code, message });

/** Converts the refusal of the whole email. */
function toRefusalOutcome(error: ServerError): SendOutcome {
  if (error.responseCode === undefined) {
    return error.code === 'EMESSAGE'
      ? { kind: 'rejected', code: 'too_large', message: 'The email is larger than the mail server accepts.' }
      : { kind: 'rejected', code: 'invalid_address', message: 'The mail server can’t send to this address.' };
  }
  const { class: kind, code, message } = classifyRefusal(error);
  if (kind === 'message') return { kind: 'rejected', code, message, isAuthoritative: true };
  return { kind: kind === 'account' ? 'connection_error' : 'unavailable', code, message };
}

/** Sorts the recipients that were refused in this attempt: for good, or until later. */
function sortRefusals(context: EmailContext, rejected: readonly ServerError[]) {
  const rows = rejected.flatMap((error) => {
    const { class: kind, code, message } = classifyRefusal(error);
    const address = error.recipient ?? '';
    const reply = redactText(error.response ?? '', listSecrets(context.connection.config));
    return address === '' ? [] : [{ kind, address, code, message: reply ? `${message} (${reply})` : message }];
  });
  const select = (isLater: boolean) =>
    rows.filter(({ kind }) => (kind === 'later') === isLater).map(({ kind: _kind, ...refused }) => refused);
  return { refused: select(false), deferred: select(true) };
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

/** Adds what earlier attempts have settled to an outcome that is tried again. */
function withParts(outcome: SendOutcome, acceptedParts: readonly string[]): SendOutcome {
  if (acceptedParts.length === 0 || outcome.kind === 'rejected' || 'externalIds' in outcome) return outcome;
  return { ...outcome, acceptedParts };
}
