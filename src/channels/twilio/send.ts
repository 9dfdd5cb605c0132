import { isPrivateHost } from '../../runtime/outbound-http.ts';
import { isSendFailure, toPartialFailure } from '../accepted-parts.ts';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { type ApiContext, requestTwilio, toAccountPath } from './api.ts';
import { isWhatsApp } from './config.ts';
import { toErrorOutcome } from './errors.ts';
import { checkMessage, chooseRoute, type Part, type Route, splitMessage } from './parts.ts';
import { readMessageRecord } from './records.ts';
import { toRecordOutcome } from './states.ts';

/** Twilio repeats a webhook only on these terms, which it reads from the fragment and sends to no one: five times, on every failure. */
export const retryTerms = '#rc=5&rp=all';

/**
 * Sends a message, in several parts where Twilio cannot take it as one. Parts that an earlier attempt has sent are left out. Twilio has no
 * idempotency key: a request without a response may have sent its part.
 */
export async function sendMessage(context: ApiContext, message: OutboundMessage): Promise<SendOutcome> {
  const refusal = checkMessage(message);
  if (refusal) return refusal;
  const route = chooseRoute(context.connection.config, message);
  const parts = splitMessage(message, isWhatsApp(route.to));
  const sent = [...message.acceptedParts];
  let response = '';
  for (const [index, part] of parts.entries()) {
    if (index < message.acceptedParts.length) continue;
    const outcome = await sendPart(context, message, route, part, { index, count: parts.length });
    if (isSendFailure(outcome)) return toPartialFailure(outcome, sent, parts.length);
    sent.push(...outcome.externalIds);
    response = outcome.response ?? '';
  }
  return { kind: 'accepted', externalIds: sent, response };
}

async function sendPart(
  context: ApiContext,
  message: OutboundMessage,
  route: Route,
  part: Part,
  position: { index: number; count: number },
): Promise<SendOutcome> {
  const { connection } = context;
  const suffix = position.count > 1 ? `-${position.index}-${position.count}` : '';
  const callback = toStatusCallback(connection.webhookUrl, `${message.id}${suffix}`, connection.config.baseUrl);
  const form: [string, string][] = [
    ['To', route.to],
    ...(route.from === undefined ? [] : [['From', route.from] as [string, string]]),
    ...(route.messagingServiceSid === undefined
      ? []
      : [['MessagingServiceSid', route.messagingServiceSid] as [string, string]]),
    ...(part.text === '' ? [] : [['Body', part.text] as [string, string]]),
    ...part.mediaUrls.map((url): [string, string] => ['MediaUrl', url]),
    ...(callback === null ? [] : [['StatusCallback', callback] as [string, string]]),
  ];
  const result = await requestTwilio(context, { path: toAccountPath(connection.config, '/Messages.json'), form });
  if (result.kind === 'failed') {
    return result.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: result.message }
      : { kind: 'unknown', code: 'no_answer', message: result.message };
  }
  if (result.kind === 'error') return { ...toErrorOutcome(result.error, route.isOwnSender), response: result.text };
  const record = readMessageRecord(result.body);
  if (record.sid !== undefined) return { ...toRecordOutcome(record, [record.sid]), response: result.text };
  // A success without an id is not Twilio's: a proxy may have responded in its place.
  const code = 'no_sid';
  return { kind: 'unknown', code, message: 'The response names no message of Twilio.', response: result.text };
}

/**
 * Builds the address of status callbacks, which names our message: so they find it even when the response to the send was lost.
 *
 * @returns null where Twilio would refuse the address, and with it the message: an underscore in the host name, or a private host
 */
export function toStatusCallback(webhookUrl: string, path: string, baseUrl: string): string | null {
  return canCallBack(webhookUrl, baseUrl) ? `${webhookUrl}/status/${path}${retryTerms}` : null;
}

/** Returns whether Twilio accepts an address as a webhook. A simulator at another base URL accepts any. */
export function canCallBack(webhookUrl: string, baseUrl: string): boolean {
  const { hostname } = new URL(webhookUrl);
  if (hostname.includes('_')) return false;
  if (!new URL(baseUrl).hostname.endsWith('.twilio.com')) return true;
  return hostname.includes('.') && !hostname.endsWith('.localhost') && !isPrivateHost(hostname);
}
