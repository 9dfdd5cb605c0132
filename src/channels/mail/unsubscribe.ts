import { createHmac } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { ChannelConnection, WebhookRequest, WebhookResult } from '../channel.ts';
import { mailOptOutReasons } from './opt-out-reasons.ts';

/** Path of the address to which mail programs post a contact's wish, below the webhook URL. */
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
 * Reads a request to an unsubscribe link. A POST is the contact's opt-out; a GET, which scanners of links make too, shows a button and changes
 * no state.
 *
 * @param secrets of the connection, the earlier ones included: an email is read long after it was sent
 * @throws AppError `signature_invalid`
 */
export function receiveUnsubscribe(connectionId: string, secrets: readonly string[], request: WebhookRequest): WebhookResult {
  const address = request.query.get('address') ?? '';
  const proof = request.query.get('proof') ?? '';
  if (!secrets.some((secret) => safeEqual(proof, computeProof(secret, connectionId, address)))) {
    throw new AppError('signature_invalid', 'This unsubscribe link is incomplete, or it is of an earlier connection.');
  }
  if (request.method === 'GET') return { events: [], response: toPage(askPage) };
  const optOut = { address, optedOut: true, category: 'all', reason: mailOptOutReasons.link } as const;
  return { events: [{ kind: 'opt_out', optOut }], response: toPage(donePage) };
}

const toPage = (content: string) => ({
  status: 200,
  contentType: 'text/html; charset=utf-8',
  body: `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Unsubscribe</title>${content}`,
});

const askPage =
  '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">' +
  '<p>Stop all emails from this sender?</p><button>Unsubscribe</button></form>';
const donePage = '<p>You will receive no further emails from this sender.</p>';
