import { createHmac } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { ChannelWebhooks, WebhookRequest, WebhookResult } from '../channel.ts';
import { type WhatsAppConfig, type WhatsAppContext, webhookPath } from './config.ts';
import { readWebhook } from './read-webhook.ts';

const signatureHeader = 'x-hub-signature-256';

/** Meta sends up to 1,000 updates and 3 MB in one request. */
const maxBodyBytes = 4 * 1024 * 1024;

/** Webhooks of the channel: Meta's question at the registration, and its signed updates. */
export const whatsAppWebhooks: ChannelWebhooks<WhatsAppConfig> = {
  paths: [webhookPath],
  signatureHeader,
  maxBodyBytes,
  receive(context, request) {
    if (request.path !== webhookPath) throw new AppError('not_found', 'This channel has one webhook: webhook.');
    return request.method === 'GET' ? confirmAddress(context, request) : receiveUpdates(context, request);
  },
};

/** Returns the configs whose secrets count: the current one, and for a day the one before. */
function listConfigs({ connection: { config, previousConfig } }: WhatsAppContext): WhatsAppConfig[] {
  return previousConfig ? [config, previousConfig] : [config];
}

/** Confirms to Meta that the address is ours: it returns the challenge where the verify token is right. */
function confirmAddress(context: WhatsAppContext, { query }: WebhookRequest): WebhookResult {
  const [mode, given, challenge] = ['hub.mode', 'hub.verify_token', 'hub.challenge'].map((name) => query.get(name) ?? '');
  const isOurs = listConfigs(context).some(
    ({ verifyToken }) => verifyToken !== undefined && safeEqual(given ?? '', verifyToken),
  );
  if (mode !== 'subscribe' || !isOurs || !/^[\w.-]{1,256}$/.test(challenge ?? '')) {
    throw new AppError('forbidden', 'The verify token is not that of this connection.');
  }
  return { events: [], response: { status: 200, contentType: 'text/plain', body: challenge ?? '' } };
}

function receiveUpdates(context: WhatsAppContext, { headers, body }: WebhookRequest): WebhookResult {
  requireMetaSignature(
    listConfigs(context).map(({ appSecret }) => appSecret),
    headers[signatureHeader],
    body,
  );
  const { connection, log } = context;
  const { events, errors, unreadCount, ignoredCount } = readWebhook(body, connection.config);
  if (unreadCount > 0) log.warn({ unreadCount }, 'whatsapp updates could not be read');
  if (ignoredCount > 0) log.debug({ ignoredCount }, 'whatsapp updates without content for the connection');
  if (errors.length > 0) log.warn({ errors }, 'whatsapp reported errors');
  return { events };
}

/**
 * Verifies that Meta knows one of the app secrets, over the raw bytes: Meta escapes letters with accents and slashes, so that the same JSON,
 * parsed and written again, has another signature.
 *
 * @throws AppError `signature_invalid`
 */
function requireMetaSignature(appSecrets: readonly string[], header: string | string[] | undefined, body: Buffer): void {
  const given = typeof header === 'string' ? header.trim() : '';
  const isSigned = appSecrets.some((secret) =>
    safeEqual(given, `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`),
  );
  if (!isSigned) throw new AppError('signature_invalid', 'The signature is missing or made with another app secret.');
}
