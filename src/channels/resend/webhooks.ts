import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../../core/errors.ts';
import { parseForeignJson, toObject } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import { requireSignature } from '../../runtime/standard-webhooks.ts';
import type { ChannelWebhooks } from '../channel.ts';
import type { ResendConfig } from './config.ts';
import { toEvents } from './events.ts';
import { receiveEmail } from './inbound.ts';
import { readEvent } from './records.ts';

/** Webhooks of Resend: events of emails that were sent, and of those received. They have no content, and are small. */
export const resendWebhooks: ChannelWebhooks<ResendConfig> = {
  paths: ['webhook'],
  maxBodyBytes: 1024 * 1024,
  async receive(context, request) {
    const { connection } = context;
    const { config, previousConfig } = connection;
    const { path, method, headers, body } = request;
    const secrets = [config.webhookSecret, ...(previousConfig ? [previousConfig.webhookSecret] : [])];
    if (path !== 'webhook') {
      throw new AppError('not_found', `This channel has no event called ${truncate(path, 40)}; it has webhook.`);
    }
    if (method !== 'POST') throw new AppError('method_not_allowed', 'This is the address of a webhook of Resend.');
    requireSignature(secrets, toStandardHeaders(headers), body);
    const fields = toObject(parseForeignJson(body));
    const event = readEvent(fields);
    if (event.type === undefined) {
      throw new AppError('payload_invalid', 'This is no event of Resend.', { details: ['type: is needed'] });
    }
    if (event.type === 'email.received') return { events: await receiveEmail(context, event, toObject(fields.data)) };
    return { events: toEvents(event, connection.id, config.openedIsRead) };
  },
};

/** Renames the headers of a signature: Resend signs by the standard, under the names of its library. */
export function toStandardHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return {
    'webhook-id': headers['svix-id'] ?? headers['webhook-id'],
    'webhook-timestamp': headers['svix-timestamp'] ?? headers['webhook-timestamp'],
    'webhook-signature': headers['svix-signature'] ?? headers['webhook-signature'],
  } as IncomingHttpHeaders;
}
