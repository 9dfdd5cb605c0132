import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import { parseMailbox } from '../mail/addresses.ts';
import { mailOptOutReasons } from '../mail/opt-out-reasons.ts';
import type { EventRecord, readSentEmail } from './records.ts';

/** Converts an event of an email that this connection has sent: a receipt, and the opt-out that a complaint is. */
export function toEvents(event: EventRecord, connectionId: string, openedIsRead: boolean): ChannelEvent[] {
  const { tags, emailId, type } = event;
  // An account may have other programs and other connections, whose events come along.
  if (tags.connectionId !== connectionId || tags.messageId === undefined || emailId === undefined) return [];
  const recipient = findRecipient(event.to);
  const state = toState(type?.replace(/^email\./, ''), openedIsRead);
  if (type === 'email.complained' && recipient !== undefined) {
    const optOut = { address: recipient, optedOut: true, category: 'all' as const, occurredAt: event.at };
    return [{ kind: 'opt_out', optOut: { ...optOut, reason: mailOptOutReasons.complaint } }];
  }
  if (state === null) return [];
  const receipt: ReceiptContent = {
    ...{ messageId: tags.messageId, externalId: emailId, state, recipient, occurredAt: event.at },
    part: wholeEmail,
    ...(state === 'failed' ? { error: describeFailure(event) } : {}),
  };
  return [{ kind: 'receipt', receipt }];
}

/** Converts an email, as Resend lists it, to a receipt. @returns null while it is on its way */
export function toListedReceipt(
  externalId: string,
  { lastEvent, to, tags }: ReturnType<typeof readSentEmail>,
  openedIsRead: boolean,
): ReceiptContent | null {
  // A complaint, and a click, come after the delivery.
  const isArrived = lastEvent === 'complained' || lastEvent === 'clicked' || (lastEvent === 'opened' && !openedIsRead);
  const state = isArrived ? 'delivered' : toState(lastEvent, openedIsRead);
  if (state === null || state === 'accepted') return null;
  const error = {
    code: lastEvent ?? 'failed',
    message: `Resend reports the email as ${lastEvent}. Its page at Resend has the reason.`,
  };
  return {
    ...{ messageId: tags.messageId, externalId, state, recipient: findRecipient(to), part: wholeEmail },
    ...(state === 'failed' ? { error } : {}),
  };
}

/**
 * The emails of one message are no parts of it: each is the whole for its recipient, so that one that fails does not fail the message.
 */
const wholeEmail = { index: 0, count: 1 };

/** Returns the recipient of an email; each email that we send has one. */
function findRecipient(to: readonly string[]): string | undefined {
  const [only, ...others] = to;
  return only !== undefined && others.length === 0 ? (parseMailbox(only)?.address ?? only) : undefined;
}

function toState(word: string | undefined, openedIsRead: boolean): ReceiptContent['state'] | null {
  switch (word) {
    case 'sent':
      return 'accepted';
    case 'delivered':
      return 'delivered';
    case 'opened':
      return openedIsRead ? 'read' : null;
    case 'bounced':
    case 'failed':
    case 'suppressed':
      return 'failed';
    default:
      return null;
  }
}

const suppressedAdvice =
  'Resend did not send it, as the address is on its suppression list: an earlier email bounced or was marked as spam. Correct the address, or, with the contact’s consent, remove it in Resend under Suppressions.';

function describeFailure({ type, bounce, failed, suppressed }: EventRecord): { code: string; message: string } {
  if (type === 'email.suppressed' || bounce.subType?.toLowerCase().includes('suppress')) {
    const words = suppressed.message ?? bounce.message;
    return { code: 'suppressed', message: truncate([suppressedAdvice, words].filter(Boolean).join(' ')) };
  }
  const words = bounce.message ?? failed.reason ?? failed.message;
  const code = [bounce.type, bounce.subType].filter(Boolean).join('/') || failed.reason || 'failed';
  return { code: truncate(code, 200), message: truncate(words ?? 'Resend reported a failure, without a reason.') };
}
