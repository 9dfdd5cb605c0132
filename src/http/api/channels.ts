import type { Connections } from '../../compose/connections.ts';
import type { Messaging } from '../../compose/messaging.ts';
import type { Connection } from '../../connections/connection.ts';
import { countConnectionSegments } from '../../connections/count-segments.ts';
import { AppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { requireContactLinks } from '../../messages/outbound/create-contact-link.ts';
import { testAddress } from '../../messages/outbound/send-test.ts';
import { can, toActor } from '../auth/access.ts';
import {
  connection,
  connectionQuery,
  connectionRequest,
  contactLink,
  contactLinkRequest,
  pairing,
  sender,
  template,
  testRequest,
  webhooksRequest,
} from './connection-schemas.ts';
import { toConnectionView } from './connection-view.ts';
import { toMessageView } from './messages.ts';
import { defineRoute } from './route.ts';
import { connectionParams, createPageSchema, testMessage } from './schemas.ts';

export interface ChannelRouteDeps {
  db: Database;
  providers: readonly Provider[];
  connections: Pick<
    Connections,
    | 'connect'
    | 'disconnect'
    | 'findConnection'
    | 'getPairing'
    | 'listFindings'
    | 'listSenders'
    | 'listTemplates'
    | 'registerPendingWebhooks'
    | 'registerWebhooks'
    | 'resumeConnection'
  >;
  messaging: Pick<Messaging, 'createContactLink' | 'lookUpContact' | 'sendTestMessage'>;
}

const path = '/locations/:locationId/channels/:providerKey';

/** Defines the endpoints about the channel that a location has connected for a provider. */
export function createChannelRoutes(deps: ChannelRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path,
      summary: 'Get the channel that a location has connected for a provider',
      permission: 'read',
      scope: 'channels:read',
      params: connectionParams,
      response: connection,
      handle: async ({ params, access }) =>
        toConnectionView(deps, await getConnected(deps, params), can(access, 'write', 'channels:write')),
    }),

    defineRoute({
      method: 'put',
      path,
      summary: 'Connect a channel, or change the connected one; its vendor is asked whether it accepts the config',
      permission: 'write',
      scope: 'channels:write',
      params: connectionParams,
      query: connectionQuery,
      body: connectionRequest,
      response: connection,
      async handle({ params, query, body, location, access }) {
        getProvider(deps, params.providerKey);
        if (location.status === 'uninstalled') throw new AppError('conflict', 'The app is not installed in this location.');
        const { verify } = query;
        const result = await deps.connections.connect(params, body, toActor(access), { verify });
        return { ...(await toConnectionView(deps, result.connection, true)), warnings: [...result.warnings] };
      },
    }),

    defineRoute({
      method: 'delete',
      path,
      summary: 'Disconnect the channel',
      permission: 'write',
      scope: 'channels:write',
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
      scope: 'channels:write',
      params: connectionParams,
      body: testRequest,
      response: testMessage,
      status: 202,
      async handle({ params, body, access }) {
        const messageType = getProvider(deps, params.providerKey).kind.startsWith('email') ? 'email' : 'sms';
        const to = body.to ?? testAddress[messageType];
        const connection = await getConnected(deps, params);
        await deps.connections.registerPendingWebhooks(connection, toActor(access));
        const sent = await deps.messaging.sendTestMessage(connection, { to, text: body.text, messageType });
        return { ...toMessageView(sent), segments: countConnectionSegments(connection, sent) };
      },
    }),

    ...createVendorRoutes(deps),
  ];
}

/** Defines the endpoints about the vendor's side of a connection. */
function createVendorRoutes(deps: ChannelRouteDeps) {
  const { connections } = deps;
  return [
    defineRoute({
      method: 'post',
      path: `${path}/resume`,
      summary: 'End the hold of the channel: its messages are sent. If the vendor still refuses them, it is held again',
      permission: 'write',
      scope: 'channels:write',
      params: connectionParams,
      response: connection,
      async handle({ params, access }) {
        await connections.resumeConnection(await getConnected(deps, params), toActor(access));
        return toConnectionView(deps, await getConnected(deps, params), true);
      },
    }),

    defineRoute({
      method: 'post',
      path: `${path}/webhooks`,
      summary: 'Register the webhooks of the channel with its vendor again',
      permission: 'write',
      scope: 'channels:write',
      params: connectionParams,
      body: webhooksRequest,
      response: connection,
      async handle({ params, body, access }) {
        await connections.registerWebhooks(await getConnected(deps, params), body.replace, toActor(access));
        return toConnectionView(deps, await getConnected(deps, params), true);
      },
    }),

    defineRoute({
      method: 'get',
      path: `${path}/pairing`,
      summary: 'Get the pairing of the channel with a device or an account',
      permission: 'write',
      scope: 'channels:write',
      params: connectionParams,
      response: pairing,
      handle: async ({ params }) => connections.getPairing(await getConnected(deps, params)),
    }),

    defineRoute({
      method: 'post',
      path: `${path}/contact-links`,
      summary: 'Create a link by which one contact starts a chat with the channel, once',
      permission: 'write',
      scope: 'channels:write',
      params: connectionParams,
      body: contactLinkRequest,
      response: contactLink,
      async handle({ params, body }) {
        const connected = await getConnected(deps, params);
        requireContactLinks(connected);
        if (!(await deps.messaging.lookUpContact(params.locationId, body.contactId))) {
          throw new AppError('not_found', 'The location has no contact with this id.');
        }
        return deps.messaging.createContactLink(connected, body.contactId);
      },
    }),

    defineRoute({
      method: 'get',
      path: `${path}/senders`,
      summary: 'List the numbers or addresses that the vendor’s account can send from',
      permission: 'read',
      scope: 'channels:read',
      params: connectionParams,
      response: createPageSchema(sender),
      handle: async ({ params }) => {
        const items = await connections.listSenders(await getConnected(deps, params));
        return { items: [...items], nextCursor: null };
      },
    }),

    defineRoute({
      method: 'get',
      path: `${path}/templates`,
      summary: 'List the approved templates of the vendor’s account',
      permission: 'read',
      scope: 'channels:read',
      params: connectionParams,
      response: createPageSchema(template),
      handle: async ({ params }) => {
        const items = await connections.listTemplates(await getConnected(deps, params));
        return { items: items.map((one) => ({ ...one, parameters: [...one.parameters] })), nextCursor: null };
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

/** @throws AppError `not_found` */
export function getProvider(deps: Pick<ChannelRouteDeps, 'providers'>, key: string): Provider {
  const provider = deps.providers.find((candidate) => candidate.key === key);
  if (provider) return provider;
  throw new AppError('not_found', `The app has no provider with the key ${key}.`, {
    details: [`Providers in HIGHLEVEL_PROVIDERS: ${deps.providers.map((candidate) => candidate.key).join(', ') || '-'}`],
  });
}

function notConnectedError(): AppError {
  return new AppError('not_found', 'This location has no channel connected for this provider.');
}
