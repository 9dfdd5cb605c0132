import type { KeyObject } from 'node:crypto';
import { Router } from 'express';
import { AppError, isAppError } from '../core/errors.ts';
import { isUnavailable } from '../database/failures.ts';
import type { Provider } from '../highlevel/providers.ts';
import { requireHighLevelSignature } from '../highlevel/webhook-signature.ts';
import { recordAppEvent } from '../installations/app-events.ts';
import type { ReceiveDelivery, ReceiveDeps } from '../messages/receive.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { acknowledge } from './acknowledge.ts';
import { rawBody } from './middleware/raw-body.ts';

export interface WebhookDeps extends ReceiveDeps {
  providers: readonly Provider[];
  webhookKeys: readonly KeyObject[];
  receiveDelivery: ReceiveDelivery;
  metrics: Metrics;
  /** Told of every signature that is wrong; it must cost nothing. */
  onWrongSignature(): void;
}

/** What HighLevel posts to us. It is acknowledged only after it is stored; whatever keeps us from storing it is a 503, never a 2xx. */
export function webhooks(deps: WebhookDeps): Router {
  const router = Router({ caseSensitive: true });

  router.post('/webhooks/providers/:key', rawBody, async (request, response) => {
    const provider = deps.providers.find(({ key }) => key === request.params.key);
    if (!provider) throw new AppError('not_found', 'There is no provider with this key.');
    const outcome = await counted(deps, 'provider', async () => {
      requireHighLevelSignature(deps.webhookKeys, request.get('x-ghl-signature'), request.body);
      return stored(deps.receiveDelivery(provider, request.body));
    });
    acknowledge(response, 202, outcome);
  });

  router.post('/webhooks/app', rawBody, async (request, response) => {
    const outcome = await counted(deps, 'app', async () => {
      requireHighLevelSignature(deps.webhookKeys, request.get('x-ghl-signature'), request.body);
      return (await stored(recordAppEvent(deps, request.body))) ? 'stored' : 'repeated';
    });
    acknowledge(response, 202, outcome);
  });

  return router;
}

async function stored<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    throw new AppError('database_unavailable', 'The message could not be stored. Please send it again.', { cause: error });
  }
}

async function counted(deps: WebhookDeps, kind: string, handle: () => Promise<string>): Promise<string> {
  const stop = deps.metrics.acknowledgement.startTimer();
  try {
    const outcome = await handle();
    deps.metrics.webhooks.inc({ kind, outcome });
    return outcome;
  } catch (error) {
    deps.metrics.webhooks.inc({ kind, outcome: isAppError(error) ? error.code : 'internal' });
    if (isAppError(error, 'signature_invalid')) deps.onWrongSignature();
    throw error;
  } finally {
    stop();
  }
}
