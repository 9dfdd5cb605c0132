import {
  type Connection,
  type ConnectionDeps,
  connect,
  disconnect,
  findConnection,
  toPublicConfig,
  toWebhookUrls,
} from '../../connections/connect.ts';
import { AppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { ReadAddress } from '../../messages/model/read-address.ts';
import { sendTestMessage, testAddress } from '../../messages/outbound/send-test.ts';
import type { StoreDeps } from '../../messages/settlement/update-messages.ts';
import { actorOf, may } from '../access.ts';
import { messageView } from './messages.ts';
import { route } from './route.ts';
import { connection, connectionParams, connectionWanted, message, testWanted } from './shapes.ts';

export interface ChannelRouteDeps extends ConnectionDeps, StoreDeps {
  providers: readonly Provider[];
  readAddress: ReadAddress;
}

/** Addresses about the channel that a location has connected for a provider. */
export function channelRoutes(deps: ChannelRouteDeps) {
  const path = '/locations/:locationId/channels/:providerKey';

  return [
    route({
      method: 'get',
      path,
      summary: 'The channel that a location has connected for a provider',
      needs: 'read',
      params: connectionParams,
      answer: connection,
      handle: async ({ params, access }) => view(await connected(deps, params), may(access, 'write')),
    }),

    route({
      method: 'put',
      path,
      summary: 'Connect a channel, or change the one that is connected',
      needs: 'write',
      params: connectionParams,
      body: connectionWanted,
      answer: connection,
      async handle({ params, body, location, access }) {
        providerOf(deps, params.providerKey);
        if (location.status === 'uninstalled') throw new AppError('conflict', 'The app is not installed there any more.');
        return view(await connect(deps, params, body, actorOf(access)), true);
      },
    }),

    route({
      method: 'delete',
      path,
      summary: 'Disconnect the channel',
      needs: 'write',
      params: connectionParams,
      async handle({ params, access }) {
        if (!(await disconnect(deps, params, actorOf(access)))) throw notConnected();
      },
    }),

    route({
      method: 'post',
      path: `${path}/test`,
      summary: 'Send a test message through the channel; ask for the message to see what became of it',
      needs: 'write',
      params: connectionParams,
      body: testWanted,
      answer: message,
      status: 202,
      async handle({ params, body }) {
        const medium = providerOf(deps, params.providerKey).kind.startsWith('email') ? 'email' : 'sms';
        const to = body.to ?? testAddress[medium];
        return messageView(await sendTestMessage(deps, await connected(deps, params), { to, text: body.text, medium }));
      },
    }),
  ];
}

async function connected(deps: ChannelRouteDeps, place: { locationId: string; providerKey: string }): Promise<Connection> {
  providerOf(deps, place.providerKey);
  const found = await findConnection(deps, place);
  if (!found) throw notConnected();
  return found;
}

function providerOf(deps: ChannelRouteDeps, key: string): Provider {
  const provider = deps.providers.find((candidate) => candidate.key === key);
  if (provider) return provider;
  throw new AppError('not_found', `The app has no provider called ${key}.`, {
    details: [`HIGHLEVEL_PROVIDERS has: ${deps.providers.map((candidate) => candidate.key).join(', ') || 'none'}`],
  });
}

function notConnected(): AppError {
  return new AppError('not_found', 'This location has no channel connected for this provider.');
}

function view(found: Connection, canWrite: boolean) {
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
