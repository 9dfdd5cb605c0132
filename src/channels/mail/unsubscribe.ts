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

/** Builds the headers of one-click unsubscribing (RFC 8058). @param secret of the connection, which the link proves to know without showing it */
export function buildUnsubscribeHeaders(
  { id, webhookUrl }: Pick<ChannelConnection<object>, 'id' | 'webhookUrl'>,
  secret: string,
  recipient: string,
): Record<string, string> {
  const address = recipient.toLowerCase();
  const query = new URLSearchParams({ address, proof: computeProof(secret, id, address) });
  return {
    'List-Unsubscribe': `<${webhookUrl}/${unsubscribePath}?${query}>`,
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
