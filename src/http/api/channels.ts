import type { Connections } from '../../compose/connections.ts';
import type { Messaging } from '../../compose/messaging.ts';
import { type Connection, toPublicConfig, toWebhookUrls } from '../../connections/connection.ts';
import { AppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { testAddress } from '../../messages/outbound/send-test.ts';
import { can, toActor } from '../auth/access.ts';
import { toMessageView } from './messages.ts';
import { defineRoute } from './route.ts';
import { connection, connectionParams, connectionRequest, message, testRequest } from './schemas.ts';

export interface ChannelRouteDeps {
  providers: readonly Provider[];
  connections: Pick<Connections, 'connect' | 'disconnect' | 'findConnection'>;
  messaging: Pick<Messaging, 'sendTestMessage'>;
}

/** Defines the endpoints about the channel that a location has connected for a provider. */
export function createChannelRoutes(deps: ChannelRouteDeps) {
  const path = '/locations/:locationId/channels/:providerKey';

  return [
    defineRoute({
      method: 'get',
      path,
      summary: 'Get the channel that a location has connected for a provider',
      permission: 'read',
      params: connectionParams,
      response: connection,
      handle: async ({ params, access }) => toConnectionView(await getConnected(deps, params), can(access, 'write')),
    }),

    defineRoute({
      method: 'put',
      path,
      summary: 'Connect a channel, or change the connected one',
      permission: 'write',
      params: connectionParams,
      body: connectionRequest,
      response: connection,
      async handle({ params, body, location, access }) {
        getProvider(deps, params.providerKey);
        if (location.status === 'uninstalled') throw new AppError('conflict', 'The app is not installed in this location.');
        return toConnectionView(await deps.connections.connect(params, body, toActor(access)), true);
      },
    }),

    defineRoute({
      method: 'delete',
      path,
      summary: 'Disconnect the channel',
      permission: 'write',
      params: connectionParams,
      async handle({ params, access }) {
        if (!(await deps.connections.disconnect(params, toActor(access)))) throw notConnectedError();
      },
    }),

    defineRoute({
      method: 'post',
      path: `${path}/test`,
      summary: 'Send a test message through the channel; get the message to see its state',
      permission: 'write',
      params: connectionParams,
      body: testRequest,
      response: message,
      status: 202,
      async handle({ params, body }) {
        const messageType = getProvider(deps, params.providerKey).kind.startsWith('email') ? 'email' : 'sms';
        const to = body.to ?? testAddress[messageType];
        return toMessageView(
          await deps.messaging.sendTestMessage(await getConnected(deps, params), { to, text: body.text, messageType }),
        );
      },
    }),
  ];
}

async function getConnected(deps: ChannelRouteDeps, ref: { locationId: string; providerKey: string }): Promise<Connection> {
  getProvider(deps, ref.providerKey);
  const found = await deps.connections.findConnection(ref);
  if (!found) throw notConnectedError();
  return found;
}

function getProvider(deps: ChannelRouteDeps, key: string): Provider {
  const provider = deps.providers.find((candidate) => candidate.key === key);
  if (provider) return provider;
  throw new AppError('not_found', `The app has no provider with the key ${key}.`, {
    details: [`Providers in HIGHLEVEL_PROVIDERS: ${deps.providers.map((candidate) => candidate.key).join(', ') || '-'}`],
  });
}

function notConnectedError(): AppError {
  return new AppError('not_found', 'This location has no channel connected for this provider.');
}

function toConnectionView(found: Connection, canWrite: boolean) {
  return {
    connectionId: found.id,
    locationId: found.locationId,
    providerKey: found.providerKey,
    type: found.channel.type,
    config: toPublicConfig(found, canWrite),
    callbackUrls: toWebhookUrls(found),
    createdAt: found.createdAt,
    updatedAt: found.updatedAt,
  };
}
