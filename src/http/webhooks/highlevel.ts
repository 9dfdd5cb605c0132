import type { KeyObject } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { AppError, isAppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import { readJsonBody } from '../../core/json-body.ts';
import { toSingleLine } from '../../core/sanitize.ts';
import type { Database } from '../../database/client.ts';
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
import { recordAppEvent } from '../../installations/app-events.ts';
import { observedAddress, type WebhookObservationRecorder } from '../../installations/webhook-observations.ts';
import { recordUnknownWebhook } from '../../messages/log/unknown-webhooks.ts';
import type { ReceiveDelivery } from '../../messages/outbound/receive.ts';
import type { Log } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { toAppError } from '../middleware/errors.ts';
import { maxDeliveryBytes, type ReadBody } from '../read-body.ts';
import { acknowledge } from './acknowledge.ts';

export interface HighLevelWebhookDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  log: Log;
  app: AppKeys;
  providers: readonly Provider[];
  webhookKeys: readonly KeyObject[];
  readBody: ReadBody;
  receiveDelivery: ReceiveDelivery;
  webhookObservations: Pick<WebhookObservationRecorder, 'record'>;
  metrics: Metrics;
  /** Told of every signature that is wrong; it must cost nothing. */
  onInvalidSignature(): void;
}

/** Beyond this not even the ids of a message are read: the signature covers all bytes, so all would have to be kept. */
const maxBytes = 40 * 1024 * 1024;

/** What HighLevel posts to us. It is acknowledged only after it is stored; whatever keeps us from storing it is a 503, never a 2xx. */
export function createHighLevelWebhookRouter(deps: HighLevelWebhookDeps): Router {
  const router = Router({ caseSensitive: true });

  router.post('/webhooks/providers/:key', (request, response) => {
    const provider = deps.providers.find(({ key }) => key === request.params.key);
    if (!provider) throw new AppError('not_found', 'There is no provider with this key.');
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
    // A request that can't be HighLevel's does not make us read its body.
    const signature = readSignatureHeader(request.get('x-ghl-signature'));
    const body = await deps.readBody(request, response, maxBytes);
    // How long the caller takes to send it is not ours.
    stopTimer = deps.metrics.webhookAckDuration.startTimer();
    const outcome = await processWebhook(deps, address, signature, body);
    deps.metrics.webhooks.inc({ kind, outcome });
    const deliveryId = request.get('deliveryid');
    if (deliveryId) deps.log.debug({ deliveryId: toSingleLine(deliveryId, 100), kind, outcome }, 'a webhook was taken');
    acknowledge(response, 202, outcome);
  } catch (error) {
    deps.metrics.webhooks.inc({ kind, outcome: toAppError(error).code });
    if (isAppError(error, 'signature_invalid')) {
      deps.onInvalidSignature();
      deps.webhookObservations.record(toAddressKey(address), { isValid: false });
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
  deps.webhookObservations.record(toAddressKey(address), { isValid: true });
  const json = readJsonBody(z.unknown(), body, '');
  const found = classifyWebhook(json, address, { appId: parseAppId(deps.app), providers: deps.providers });
  const misplaced = describeMisplaced(found, address);
  if (misplaced !== undefined) deps.webhookObservations.record(toAddressKey(address), { isValid: true, misplaced });
  if (isFlaggedTooLarge(json))
    deps.log.warn({ address: toAddressKey(address) }, 'HighLevel has cut a webhook: payloadTooLarge');
  return requireStored(dispatchWebhook(deps, address, found, body));
}

/** @returns the outcome, for the response and the metric */
async function dispatchWebhook(
  deps: HighLevelWebhookDeps,
  address: WebhookAddress,
  found: WebhookClass,
  body: Buffer,
): Promise<string> {
  switch (found.kind) {
    case 'delivery':
      try {
        return await deps.receiveDelivery(found.provider, body, { isTooLarge: body.length > maxDeliveryBytes });
      } catch (error) {
        // It looks like a message and can't be read as one.
        if (!isAppError(error, 'payload_invalid')) throw error;
        return recordUnknownWebhook(deps, { address: toAddressKey(address), why: 'ids_missing', body });
      }
    case 'app_event':
      if (body.length > maxDeliveryBytes) throw new AppError('too_large', 'This is larger than any app event.');
      return (await recordAppEvent(deps, body)) ? 'stored' : 'repeated';
    case 'message_event':
      return 'ignored';
    case 'not_ours':
      return 'not_ours';
    case 'unknown':
      return recordUnknownWebhook(deps, { address: toAddressKey(address), why: found.reason, body });
  }
}

function toAddressKey(address: WebhookAddress): string {
  return address === 'app' ? observedAddress.app : observedAddress.provider(address.key);
}

/** Says what arrived, where it does not belong to the address at which it arrived. */
function describeMisplaced(found: WebhookClass, address: WebhookAddress): string | undefined {
  if (found.kind === 'not_ours' && found.providerId) return `foreign_provider:${toSingleLine(found.providerId, 64)}`;
  if (found.kind === 'unknown' && found.reason === 'provider_ambiguous') return 'ambiguous_delivery';
  const proper = findProperAddress(found);
  if (proper === null || proper === address) return undefined;
  return proper === 'app' ? 'app_event' : `delivery:${proper.key}`;
}

/** A flag that HighLevel's help names (platform-2026-11.md 2). */
function isFlaggedTooLarge(json: unknown): boolean {
  return typeof json === 'object' && json !== null && 'payloadTooLarge' in json && json.payloadTooLarge === true;
}

async function requireStored<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    // What can't be stored for its own sake would not be stored the next time either.
    if (isAppError(error) || isInvalidValue(error)) throw error;
    throw new AppError('database_unavailable', 'The message could not be stored. Please send it again.', { cause: error });
  }
}
