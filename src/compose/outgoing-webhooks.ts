import { addEndpoint, changeEndpoint, getEndpoint, listEndpoints, removeEndpoint } from '../outbox/webhook-endpoints.ts';
import {
  countWebhookEvents,
  listWebhookAttempts,
  purgeWebhookEvents,
  replayWebhooks,
  sendTestWebhook,
} from '../outbox/webhook-log.ts';
import { buildWebhookPayload } from '../outgoing-webhooks/build-payload.ts';
import { createWebhookSender, webhookTimeoutMs } from '../outgoing-webhooks/send-webhooks.ts';
import { createHttpClient } from '../runtime/outbound-http.ts';
import { bindAll } from './bind.ts';
import type { Connections } from './connections.ts';
import type { Messaging } from './messaging.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Webhooks that agencies get. */
export type OutgoingWebhooks = ReturnType<typeof composeOutgoingWebhooks>;

/** No response is read further. */
const maxResponseBytes = 4_096;

/** Composes the endpoints of agencies and what sends events to them. */
export function composeOutgoingWebhooks(
  runtime: Runtime,
  options: Pick<CapabilityOptions, 'allowPrivateTargets'>,
  others: { connections: Pick<Connections, 'getConnection'>; messaging: Pick<Messaging, 'findMessage'> },
) {
  const { allowPrivateTargets } = options;
  const payloads = { findMessage: others.messaging.findMessage, getConnection: others.connections.getConnection };
  const ingredients = { ...runtime, allowPrivateTargets };
  return {
    ...bindAll(runtime.db, { listEndpoints, getEndpoint, listWebhookAttempts, countWebhookEvents }),
    ...bindAll(ingredients, {
      addEndpoint,
      changeEndpoint,
      removeEndpoint,
      replayWebhooks,
      sendTestWebhook,
      purgeWebhookEvents,
    }),
    ...createWebhookSender({
      ...runtime,
      ...bindAll(payloads, { buildWebhookPayload }),
      webhookHttp: createHttpClient({ timeoutMs: webhookTimeoutMs, maxResponseBytes, allowPrivateTargets }),
      recordWebhook: (outcome) => runtime.metrics.webhookAttempts.inc({ outcome }),
    }),
  };
}
