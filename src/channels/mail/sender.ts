import { getDomain, type Mailbox, parseMailbox } from './addresses.ts';

/** Sender of one email. */
export interface MailSender {
  readonly from: Mailbox;
  /** Address for replies, where the email comes from another one of the domain: replies then still arrive at the connection. */
  readonly replyTo: Mailbox | null;
}

/**
 * Chooses the sender of an email. The name is that of the message, else of the connection. The address is that of the message where its
 * domain is one that the vendor sends for; any other would fail the checks of the receiving side (DMARC), so the connection's is used.
 *
 * @param configured sender of the connection
 * @param requested sender of the message
 * @param domains that the vendor sends for beside the sender's own, in small letters
 */
export function chooseSender(configured: string, requested: string | null, domains: readonly string[]): MailSender {
  const own = parseMailbox(configured) ?? { name: null, address: configured };
  const wanted = requested === null ? null : parseMailbox(requested);
  if (!wanted) return { from: own, replyTo: null };
  const name = wanted.name ?? own.name;
  const isOwn = wanted.address.toLowerCase() === own.address.toLowerCase();
  const canSend = [getDomain(own.address), ...domains].includes(getDomain(wanted.address));
  if (isOwn || !canSend) return { from: { name, address: own.address }, replyTo: null };
  return { from: { name, address: wanted.address }, replyTo: own };
}
