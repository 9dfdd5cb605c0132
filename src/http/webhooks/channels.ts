import { type Request, Router } from 'express';
import * as z from 'zod';
import type { WebhookRequest } from '../../channels/channel.ts';
import { unsubscribePath } from '../../channels/mail/unsubscribe.ts';
import type { Connections } from '../../compose/connections.ts';
import type { Installations } from '../../compose/installations.ts';
import type { Messaging } from '../../compose/messaging.ts';
import type { Connection } from '../../connections/connection.ts';
import { AppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { observedAddress } from '../../installations/webhook-observations.ts';
import { storeEvents } from '../../messages/inbound/store-events.ts';
import { contactLinkPath } from '../../messages/outbound/create-contact-link.ts';
import type { Log } from '../../runtime/log.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import { toAppError } from '../middleware/errors.ts';
import { maxDeliveryBytes, type ReadBody } from '../read-body.ts';
import { respondToWebhook } from './acknowledge.ts';

export interface ChannelWebhookDeps {
  log: Log;
  providers: readonly Provider[];
  metrics: Metrics;
  readBody: ReadBody;
  connections: Pick<Connections, 'getConnection' | 'createChannelContext' | 'holdConnection' | 'resumeConnection'>;
  messaging: Pick<
    Messaging,
    | 'receiveInbound'
    | 'receiveCall'
    | 'addRecordings'
    | 'recordReceipt'
    | 'recordOptOut'
    | 'recordOptOutWord'
    | 'findNumberOfUser'
    | 'bindContactByLink'
    | 'bindContactByPhone'
  >;
  installations: Pick<Installations, 'webhookObservations'>;
}

/** Aborts never: a webhook is read to its end, also while the program stops. */
const { signal } = new AbortController();

/** Creates the route for webhooks of vendors: verified by their channel, stored, then acknowledged. */
export function createChannelWebhookRouter(deps: ChannelWebhookDeps): Router {
  const router = Router({ caseSensitive: true });
  const { webhookObservations } = deps.installations;
  const storing = { log: deps.log, ...deps.connections, ...deps.messaging };

  router.all('/channels/:connectionId/*path', async (request, response, next) => {
    const { method } = request;
    // Contacts open these, as pages.
    const page = request.path.slice(`/channels/${request.params.connectionId}/`.length);
    if (page === unsubscribePath || (method === 'GET' && page === contactLinkPath)) return next();
    // A browser that opens the address gets its page; a vendor's GET proves or says its part by the query.
    if (method !== 'POST' && (method !== 'GET' || !request.url.includes('?'))) return next();
    const { connection, provider } = await findTarget(deps, request.params.connectionId as string);
    // As all routes, without the slash that some consoles append.
    const path = [request.params.path].flat().filter(Boolean).join('/');
    const labels = { channel: connection.channel.type, event: toEventLabel(connection, path) };
    const activityKey = observedAddress.connection(connection.id);
    try {
      const webhooks = connection.channel.webhooks;
      if (!webhooks) throw new AppError('not_found', 'This channel has no webhooks.');
      const { signatureHeader, maxBodyBytes = maxDeliveryBytes } = webhooks;
      if (method === 'POST' && signatureHeader && !request.headers[signatureHeader]) {
        throw new AppError('signature_invalid', `The request lacks the header ${signatureHeader}.`);
      }
      const receive = async (body: Buffer): Promise<void> => {
        const context = deps.connections.createChannelContext(connection, signal);
        const result = await webhooks.receive(context, toWebhookRequest(request, method, path, body));
        // A GET proves an address to the vendor while it is registered; a POST shows that webhooks arrive.
        if (method === 'POST') webhookObservations.record(activityKey, { isValid: true });
        const { outcome, links } = await storeEvents(storing, connection, provider, result.events, body);
        deps.metrics.channelWebhooks.inc({ ...labels, outcome: result.events.length === 0 ? 'ignored' : outcome });
        respondToWebhook(response, typeof result.response === 'function' ? result.response(outcome, links) : result.response);
      };
      await (method === 'POST' ? deps.readBody(request, response, maxBodyBytes, receive) : receive(Buffer.alloc(0)));
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

/** @throws AppError `not_found` */
async function findTarget(
  deps: ChannelWebhookDeps,
  connectionId: string,
): Promise<{ connection: Connection; provider: Provider }> {
  if (!z.uuid().safeParse(connectionId).success) throw new AppError('not_found', 'This connection does not exist.');
  const connection = await deps.connections.getConnection(connectionId);
  const provider = deps.providers.find(({ key }) => key === connection.providerKey);
  if (!provider) throw new AppError('not_found', 'The app no longer has the provider of this connection.');
  return { connection, provider };
}

function toWebhookRequest(request: Request, method: WebhookRequest['method'], path: string, body: Buffer): WebhookRequest {
  const queryStart = request.url.indexOf('?');
  const query = new URLSearchParams(queryStart < 0 ? '' : request.url.slice(queryStart));
  return { method, path, query, headers: request.headers, body };
}

/** Returns the first part of a path, where it is one of the channel's: an id that follows would make a label of each message. */
function toEventLabel({ channel }: Connection, path: string): string {
  const [first = ''] = path.split('/');
  return channel.webhooks?.paths.includes(first) ? first : 'other';
}
