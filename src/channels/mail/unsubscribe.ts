import { createHmac } from 'node:crypto';
import { safeEqual } from '../../core/safe-equal.ts';
import type { ChannelConnection } from '../channel.ts';

/** Path of the address at which contacts, and their mail programs for them, say that they want no more emails: below the webhook URL. */
export const unsubscribePath = 'unsubscribe';

/** Computes the proof that we wrote the address of an unsubscribe link: bound to the connection and the recipient. */
function computeProof(secret: string, connectionId: string, address: string): string {
  const signed = `unsubscribe\n${connectionId}\n${address}`;
  return createHmac('sha256', secret).update(signed).digest('base64url').slice(0, 32);
}

/**
 * Builds the headers of one-click unsubscribing (RFC 8058).
 *
 * @param secret of the connection, which the link proves to know without showing it
 * @param mailbox whose mails the program reads: mail programs that make no requests write to it (RFC 2369)
 */
export function buildUnsubscribeHeaders(
  { id, webhookUrl }: Pick<ChannelConnection<object>, 'id' | 'webhookUrl'>,
  secret: string,
  recipient: string,
  mailbox?: string,
): Record<string, string> {
  const address = recipient.toLowerCase();
  const proof = computeProof(secret, id, address);
  const query = new URLSearchParams({ address, proof });
  const subject = `unsubscribe ${Buffer.from(address).toString('base64url')}.${proof}`;
  const mail = mailbox && `<mailto:${encodeURIComponent(mailbox).replace('%40', '@')}?subject=${encodeURIComponent(subject)}>`;
  return {
    // Without a blank: a folded line breaks DKIM signatures of some servers.
    'List-Unsubscribe': [`<${webhookUrl}/${unsubscribePath}?${query}>`, mail].filter(Boolean).join(','),
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  };
}

/**
 * Returns whether we wrote an unsubscribe link.
 *
 * @param secrets of the connection, the earlier ones included: an email is read long after it was sent
 */
export function isUnsubscribeLink(
  connectionId: string,
  secrets: readonly string[],
  { address, proof }: { address: string; proof: string },
): boolean {
  return secrets.some((secret) => safeEqual(proof, computeProof(secret, connectionId, address)));
}

// A header may be folded at the blank.
const mailSubject = /\bunsubscribe\s{1,4}([\w-]{1,500})\.([\w-]{32})(?![\w-])/;

/** Returns whether a text may hold the subject of a mail that unsubscribes. */
export function mayUnsubscribe(text: string): boolean {
  return mailSubject.test(text);
}

/** Finds the address that a mail to the mailbox unsubscribes, by its subject. @returns null for a subject that we did not write */
export function findUnsubscribedAddress(connectionId: string, secrets: readonly string[], subject: string): string | null {
  const [, encoded = '', proof = ''] = mailSubject.exec(subject) ?? [];
  const address = Buffer.from(encoded, 'base64url').toString('utf8');
  return encoded !== '' && isUnsubscribeLink(connectionId, secrets, { address, proof }) ? address : null;
}
