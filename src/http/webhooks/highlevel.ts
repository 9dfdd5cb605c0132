import type { KeyObject } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import type { Alerts } from '../../compose/alerts.ts';
import type { Installations } from '../../compose/installations.ts';
import type { Messaging } from '../../compose/messaging.ts';
import type { Privacy } from '../../compose/privacy.ts';
import { AppError, isAppError } from '../../core/errors.ts';
import { parseForeignJson } from '../../core/foreign.ts';
import { toSingleLine } from '../../core/sanitize.ts';
import { isInvalidValue } from '../../database/errors.ts';
import {
  classifyWebhook,
  findProperAddress,
  type WebhookAddress,
  type WebhookClass,
} from '../../highlevel/classify-webhook.ts';
import { type AppKeys, parseAppId } from '../../highlevel/oauth.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { readSignatureHeader, requireHighLevelSignature } from '../../highlevel/webhook-signature.ts';
import { observedAddress } from '../../installations/webhook-observations.ts';
import type { Log } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { toAppError } from '../middleware/errors.ts';
import { maxDeliveryBytes, type ReadBody } from '../read-body.ts';
import { acknowledge } from './acknowledge.ts';

export interface HighLevelWebhookDeps {
  log: Log;
  metrics: Metrics;
  app: AppKeys;
  providers: readonly Provider[];
  webhookKeys: readonly KeyObject[];
  readBody: ReadBody;
  messaging: Pick<Messaging, 'receiveDelivery' | 'recordContactEvent' | 'recordUnknownWebhook'>;
  privacy: Pick<Privacy, 'eraseDeletedContact'>;
  installations: Pick<Installations, 'recordAppEvent' | 'webhookObservations'>;
  alerts: Pick<Alerts, 'recordInvalidSignature'>;
}

/** A larger body is rejected unread: the signature covers all bytes, so all of them would have to be held in memory. */
const maxBytes = 40 * 1024 * 1024;

/** Creates the routes for HighLevel's webhooks. A webhook is acknowledged only after it is stored; a failure to store it is a 503, never a 2xx. */
export function createHighLevelWebhookRouter(deps: HighLevelWebhookDeps): Router {
  const router = Router({ caseSensitive: true });

  router.post('/webhooks/providers/:key', (request, response) => {
    const provider = deps.providers.find(({ key }) => key === request.params.key);
    if (!provider) throw new AppError('not_found', 'The app has no provider with this key.');
    return receiveWebhook(deps, provider, request, response);
  });

  router.post('/webhooks/app', (request, response) => receiveWebhook(deps, 'app', request, response));

  return router;
}

async function receiveWebhook(
  deps: HighLevelWebhookDeps,
  address: WebhookAddress,
  request: Request,
  response: Response,
): Promise<void> {
  const kind = address === 'app' ? 'app' : 'provider';
  let stopTimer = deps.metrics.webhookAckDuration.startTimer();
  try {
    // A request without a plausible signature costs no reading of its body.
    const signature = readSignatureHeader(request.get('x-ghl-signature'));
    const outcome = await deps.readBody(request, response, maxBytes, (body) => {
      // The measured duration excludes the time that the caller takes to send the body.
      stopTimer = deps.metrics.webhookAckDuration.startTimer();
      return processWebhook(deps, address, signature, body);
    });
    deps.metrics.webhooks.inc({ kind, outcome });
    const deliveryId = request.get('deliveryid');
    if (deliveryId) deps.log.debug({ deliveryId: toSingleLine(deliveryId, 100), kind, outcome }, 'webhook acknowledged');
    acknowledge(response, 202, outcome);
  } catch (error) {
    deps.metrics.webhooks.inc({ kind, outcome: toAppError(error).code });
    if (isAppError(error, 'signature_invalid')) {
      deps.alerts.recordInvalidSignature();
      deps.installations.webhookObservations.record(toAddressKey(address), { isValid: false });
    }
    throw error;
  } finally {
    stopTimer();
  }
}

async function processWebhook(
  deps: HighLevelWebhookDeps,
  address: WebhookAddress,
  signature: Buffer,
  body: Buffer,
): Promise<string> {
  await requireHighLevelSignature(deps.webhookKeys, signature, body);
  deps.installations.webhookObservations.record(toAddressKey(address), { isValid: true });
  const json = parseForeignJson(body);
  const found = classifyWebhook(json, address, { appId: parseAppId(deps.app), providers: deps.providers });
  const misplaced = describeMisplaced(found, address);
  if (misplaced !== undefined) {
    deps.installations.webhookObservations.record(toAddressKey(address), { isValid: true, misplaced });
  }
  const isTruncated = isFlaggedTooLarge(json);
  if (isTruncated) deps.log.warn({ address: toAddressKey(address) }, 'HighLevel truncated a webhook: payloadTooLarge');
  return requireStored(dispatchWebhook(deps, address, found, body, isTruncated));
}

/** Stores a webhook where it belongs. @returns the outcome, for the response and the metric */
async function dispatchWebhook(
  deps: HighLevelWebhookDeps,
  address: WebhookAddress,
  found: WebhookClass,
  body: Buffer,
  isTruncated: boolean,
): Promise<string> {
  switch (found.kind) {
    case 'delivery':
      try {
        const isTooLarge = isTruncated || body.length > maxDeliveryBytes;
        return await deps.messaging.receiveDelivery(found.provider, body, { isTooLarge });
      } catch (error) {
        // The body has the shape of a message but lacks its ids.
        if (!isAppError(error, 'payload_invalid')) throw error;
        return deps.messaging.recordUnknownWebhook({ address: toAddressKey(address), why: 'ids_missing', body });
      }
    case 'app_event':
      if (body.length > maxDeliveryBytes) throw new AppError('too_large', 'The body is larger than any app event.');
      return (await deps.installations.recordAppEvent(body)) ? 'stored' : 'repeated';
    case 'contact_event':
      return (await deps.privacy.eraseDeletedContact(body)) ? 'stored' : deps.messaging.recordContactEvent(body);
    case 'message_event':
      return 'ignored';
    case 'not_ours':
      return 'not_ours';
    case 'unknown':
      return deps.messaging.recordUnknownWebhook({ address: toAddressKey(address), why: found.reason, body });
  }
}

function toAddressKey(address: WebhookAddress): string {
  return address === 'app' ? observedAddress.app : observedAddress.provider(address.key);
}

/** Describes a webhook that arrived at another address than its own. @returns undefined when it arrived at its own */
function describeMisplaced(found: WebhookClass, address: WebhookAddress): string | undefined {
  if (found.kind === 'not_ours' && found.providerId) return `foreign_provider:${toSingleLine(found.providerId, 64)}`;
  if (found.kind === 'unknown' && found.reason === 'provider_ambiguous') return 'ambiguous_delivery';
  const proper = findProperAddress(found);
  if (proper === null || proper === address) return undefined;
  return proper === 'app' ? 'app_event' : `delivery:${proper.key}`;
}

/** Reads the flag of a truncated webhook, from HighLevel's help (platform-2026-11.md 2). */
function isFlaggedTooLarge(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'payloadTooLarge' in json && json.payloadTooLarge === true;
}

async function requireStored<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    // Invalid input would fail again when HighLevel repeats it: 503 is only for failures of ours.
    if (isAppError(error) || isInvalidValue(error)) throw error;
    throw new AppError('database_unavailable', 'The message could not be stored. Please send it again.', { cause: error });
  }
}
