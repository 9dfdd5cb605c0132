import { Router } from 'express';
import * as z from 'zod';
import { type ConnectionDeps, getConnection } from '../../connections/connect.ts';
import { AppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { observedAddress, type WebhookObservationRecorder } from '../../installations/webhook-observations.ts';
import type { ReceiveInbound } from '../../messages/inbound/receive.ts';
import type { RecordReceipt } from '../../messages/reporting/record-receipt.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { toAppError } from '../middleware/errors.ts';
import { maxDeliveryBytes, type ReadBody } from '../read-body.ts';
import { acknowledge } from './acknowledge.ts';

export interface ChannelWebhookDeps extends ConnectionDeps {
  receiveInbound: ReceiveInbound;
  recordReceipt: RecordReceipt;
  providers: readonly Provider[];
  metrics: Metrics;
  readBody: ReadBody;
  webhookObservations: Pick<WebhookObservationRecorder, 'record'>;
}

/** As of a delivery webhook: a contact may answer with an email as large as the one that was sent. */
const maxBytes = maxDeliveryBytes;

/** What far sides tell us: proven by their channel, stored, then acknowledged. */
export function createChannelWebhookRouter(deps: ChannelWebhookDeps): Router {
  const router = Router({ caseSensitive: true });

  router.post('/channels/:connectionId/:event', async (request, response) => {
    const { connectionId, event } = request.params;
    if (!z.uuid().safeParse(connectionId).success) throw new AppError('not_found', 'There is no such connection.');
    const connection = await getConnection(deps, connectionId as string);
    const provider = deps.providers.find(({ key }) => key === connection.providerKey);
    if (!provider) throw new AppError('not_found', 'This connection’s provider is not part of the app any more.');

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
      deps.webhookObservations.record(activityKey, { isValid: true });
      const outcome =
        content.kind === 'receipt'
          ? await deps.recordReceipt(connection, content.receipt).then(() => 'stored' as const)
          : await deps.receiveInbound(connection, provider, content.inbound, body);
      deps.metrics.channelWebhooks.inc({ ...labels, outcome });
      acknowledge(response, outcome === 'repeated' ? 200 : 202, outcome);
    } catch (error) {
      const appError = toAppError(error);
      if (appError.code === 'signature_invalid') deps.webhookObservations.record(activityKey, { isValid: false });
      // Only events that the channel has may become a label: the rest is whatever somebody typed.
      if (appError.code !== 'not_found') deps.metrics.channelWebhooks.inc({ ...labels, outcome: appError.code });
      throw appError;
    }
  });

  return router;
}
