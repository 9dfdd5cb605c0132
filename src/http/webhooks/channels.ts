import { Router } from 'express';
import * as z from 'zod';
import type { Connections } from '../../compose/connections.ts';
import type { Installations } from '../../compose/installations.ts';
import type { Messaging } from '../../compose/messaging.ts';
import { AppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { observedAddress } from '../../installations/webhook-observations.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { toAppError } from '../middleware/errors.ts';
import { maxDeliveryBytes, type ReadBody } from '../read-body.ts';
import { acknowledge } from './acknowledge.ts';

export interface ChannelWebhookDeps {
  providers: readonly Provider[];
  metrics: Metrics;
  readBody: ReadBody;
  connections: Pick<Connections, 'getConnection'>;
  messaging: Pick<Messaging, 'receiveInbound' | 'recordReceipt'>;
  installations: Pick<Installations, 'webhookObservations'>;
}

/** Same limit as for a delivery webhook: a contact may reply with an email as large as the one that was sent. */
const maxBytes = maxDeliveryBytes;

/** Creates the route for webhooks of vendors: verified by their channel, stored, then acknowledged. */
export function createChannelWebhookRouter(deps: ChannelWebhookDeps): Router {
  const router = Router({ caseSensitive: true });
  const { webhookObservations } = deps.installations;

  router.post('/channels/:connectionId/:event', async (request, response) => {
    const { connectionId, event } = request.params;
    if (!z.uuid().safeParse(connectionId).success) throw new AppError('not_found', 'This connection does not exist.');
    const connection = await deps.connections.getConnection(connectionId as string);
    const provider = deps.providers.find(({ key }) => key === connection.providerKey);
    if (!provider) throw new AppError('not_found', 'The app no longer has the provider of this connection.');

    const labels = { channel: connection.channel.type, event: event as string };
    const activityKey = observedAddress.connection(connection.id);
    try {
      const { signatureHeader } = connection.channel;
      if (signatureHeader && !request.headers[signatureHeader]) {
        throw new AppError('signature_invalid', `The request lacks the header ${signatureHeader}.`);
      }
      const body = await deps.readBody(request, response, maxBytes);
      const content = connection.channel.receiveWebhook(connection, event as string, {
        headers: request.headers,
        body,
      });
      webhookObservations.record(activityKey, { isValid: true });
      const outcome =
        content.kind === 'receipt'
          ? await deps.messaging.recordReceipt(connection, content.receipt).then(() => 'stored' as const)
          : await deps.messaging.receiveInbound(connection, provider, content.inbound, body);
      deps.metrics.channelWebhooks.inc({ ...labels, outcome });
      acknowledge(response, outcome === 'repeated' ? 200 : 202, outcome);
    } catch (error) {
      const appError = toAppError(error);
      if (appError.code === 'signature_invalid') webhookObservations.record(activityKey, { isValid: false });
      // Only events of the channel may become a label: other values come from strangers and are unlimited in number.
      if (appError.code !== 'not_found') deps.metrics.channelWebhooks.inc({ ...labels, outcome: appError.code });
      throw appError;
    }
  });

  return router;
}
