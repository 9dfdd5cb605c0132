import { isPrivateHost } from '../../runtime/outbound-http.ts';
import { isSendFailure, toPartialFailure } from '../accepted-parts.ts';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { type ApiContext, requestTelnyx } from './api.ts';
import { toErrorOutcome } from './errors.ts';
import { checkMessage, chooseRoute, type Part, type Route, splitMessage } from './parts.ts';
import { readMessageRecord } from './records.ts';
import { toRecordOutcome } from './states.ts';

/**
 * Sends a message, in several parts where Telnyx cannot take it as one. Parts that an earlier attempt has sent are left out. Telnyx does not
 * declare its idempotency key for messages: a request without a response may have sent its part.
 */
export async function sendMessage(context: ApiContext, message: OutboundMessage): Promise<SendOutcome> {
  const refusal = checkMessage(message);
  if (refusal) return refusal;
  const route = chooseRoute(context.connection.config, message);
  const parts = splitMessage(message);
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
  const callback = toStatusUrl(connection.webhookUrl, `${message.id}${suffix}`, connection.config.baseUrl);
  const body = {
    to: message.to,
    ...(route.from === undefined ? {} : { from: route.from }),
    ...(route.messagingProfileId === undefined ? {} : { messaging_profile_id: route.messagingProfileId }),
    ...(part.text === '' ? {} : { text: part.text }),
    ...(part.mediaUrls.length === 0 ? {} : { media_urls: part.mediaUrls, type: 'MMS' }),
    ...(callback === null ? {} : { webhook_url: callback }),
  };
  const result = await requestTelnyx(context, { path: '/messages', method: 'POST', body });
  if (result.kind === 'failed') {
    return result.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: result.message }
      : { kind: 'unknown', code: 'no_response', message: result.message };
  }
  if (result.kind === 'error') return { ...toErrorOutcome(result.error, route.isOwnSender), response: result.text };
  const record = readMessageRecord(result.data);
  if (record.id !== undefined) return { ...toRecordOutcome(record, [record.id], route.isOwnSender), response: result.text };
  // A success without an id is not Telnyx's: a proxy may have responded in its place.
  return { kind: 'unknown', code: 'no_id', message: 'The response names no message of Telnyx.', response: result.text };
}

/**
 * Builds the address of receipts, which names our message: so they find it even when the response to the send was lost.
 *
 * @returns null where Telnyx could not call it
 */
export function toStatusUrl(webhookUrl: string, path: string, baseUrl: string): string | null {
  return canCallBack(webhookUrl, baseUrl) ? `${webhookUrl}/webhook/${path}` : null;
}

/** Returns whether Telnyx can call an address: a public host. A simulator at another base URL can call any. */
export function canCallBack(webhookUrl: string, baseUrl: string): boolean {
  if (!new URL(baseUrl).hostname.endsWith('.telnyx.com')) return true;
  const { hostname } = new URL(webhookUrl);
  return hostname.includes('.') && !hostname.endsWith('.localhost') && !isPrivateHost(hostname);
}
