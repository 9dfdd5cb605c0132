import { AppError } from '../../core/errors.ts';
import { parseForeignJson, toObject } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelWebhooks, WebhookRequest, WebhookResponse } from '../channel.ts';
import type { TwilioConfig } from './config.ts';
import { readInboundMessage } from './inbound.ts';
import { requireTwilioSignature, signatureHeader } from './signature.ts';
import { readStatusCallback } from './status.ts';

/** Reply with no message in it. Plain text would be sent to the contact; any other type is an error in Twilio's log. */
const emptyReply: WebhookResponse = { status: 200, contentType: 'text/xml', body: '<Response></Response>' };

/** Id of one of our messages, and the part of it, as `toStatusCallback` writes them. */
const statusPath = /^status(?:\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-(\d{1,3})-(\d{1,3}))?)?$/i;

/** Webhooks of Twilio: status callbacks, and inbound messages of SMS and WhatsApp. */
export const twilioWebhooks: ChannelWebhooks<TwilioConfig> = {
  paths: ['status', 'inbound'],
  signatureHeader,
  receive({ connection }, request) {
    const { path, method } = request;
    const status = statusPath.exec(path);
    if (!status && path !== 'inbound') {
      throw new AppError('not_found', `This channel has no event called ${truncate(path, 40)}; it has status and inbound.`);
    }
    if (method !== 'POST') {
      throw new AppError('method_not_allowed', 'This is the address of a webhook: set its method to HTTP POST at Twilio.');
    }
    const { config, previousConfig } = connection;
    const authTokens = [config.authToken, ...(previousConfig ? [previousConfig.authToken] : [])];
    requireTwilioSignature(authTokens, `${connection.webhookUrl}/${path}`, request);
    const fields = readFields(request);
    if (!status) return { events: readInboundMessage(fields, config), response: emptyReply };
    const [, messageId, index, count] = status;
    const part = index === undefined ? undefined : { index: Number(index), count: Number(count) };
    return { events: readStatusCallback(fields, { messageId: messageId?.toLowerCase(), part, sender: config.from }) };
  },
};

/** Reads the fields of a webhook: a form, or JSON where the signature covers the hash of the body. @throws AppError `payload_invalid` */
export function readFields({ query, body }: Pick<WebhookRequest, 'query' | 'body'>): Record<string, unknown> {
  if (query.has('bodySHA256')) return toObject(parseForeignJson(body));
  return Object.fromEntries(new URLSearchParams(body.toString('utf8')));
}
