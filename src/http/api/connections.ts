import * as z from 'zod';
import type { Connections } from '../../compose/connections.ts';
import type { Messaging } from '../../compose/messaging.ts';
import { senderSettings } from '../../connections/sender-settings.ts';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { can, toActor } from '../auth/access.ts';
import { getProvider } from './channels.ts';
import { connection, connectionChange, connectionQuery, connectionSender, newConnectionRequest } from './connection-schemas.ts';
import { toConnectionView } from './connection-view.ts';
import { defineRoute } from './route.ts';
import { connectionIdParams, createPageSchema, locationParams } from './schemas.ts';

export interface ConnectionRouteDeps {
  db: Database;
  providers: readonly Provider[];
  connections: Pick<
    Connections,
    | 'addConnection'
    | 'arrangeConnection'
    | 'connect'
    | 'disconnect'
    | 'getConnection'
    | 'listConnections'
    | 'listFindings'
    | 'setSenderSettings'
  >;
  messaging: Pick<Messaging, 'listConnectionSenders'>;
}

const path = '/connections/:connectionId';
const senderParams = connectionIdParams.extend({ address: z.string().trim().min(1).max(maxChars.address) });

/** Defines the endpoints about the connections of a location, of which a provider may have several. */
export function createConnectionRoutes(deps: ConnectionRouteDeps) {
  const { connections } = deps;
  return [
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/connections',
      summary: 'List the connections of a location, by provider and in their order',
      permission: 'read',
      scope: 'channels:read',
      params: locationParams,
      response: createPageSchema(connection),
      async handle({ params, access }) {
        const found = await connections.listConnections(params.locationId);
        const items = await Promise.all(
          found.map((one) => toConnectionView(deps, one, can(access, 'write', 'channels:write'))),
        );
        return { items, nextCursor: null };
      },
    }),

    defineRoute({
      method: 'post',
      path: '/locations/:locationId/connections',
      summary: 'Add a connection to those of a provider; its vendor is asked whether it accepts the config',
      permission: 'write',
      scope: 'channels:write',
      params: locationParams,
      query: connectionQuery,
      body: newConnectionRequest,
      response: connection,
      async handle({ params: { locationId }, query, body, location, access }) {
        const { providerKey, name, isDefault, ...input } = body;
        getProvider({ providers: deps.providers }, providerKey);
        if (location.status === 'uninstalled') throw new AppError('conflict', 'The app is not installed in this location.');
        const options = { verify: query.verify, place: { name, isDefault } };
        const result = await connections.addConnection({ locationId, providerKey }, input, toActor(access), options);
        return { ...(await toConnectionView(deps, result.connection, true)), warnings: [...result.warnings] };
      },
    }),

    defineRoute({
      method: 'get',
      path,
      summary: 'Get a connection',
      permission: 'read',
      scope: 'channels:read',
      params: connectionIdParams,
      response: connection,
      handle: async ({ connection: { id }, access }) =>
        toConnectionView(deps, await connections.getConnection(id), can(access, 'write', 'channels:write')),
    }),

    defineRoute({
      method: 'put',
      path,
      summary: 'Change the config of a connection, name it, order it, pause or resume it, or make it the default',
      permission: 'write',
      scope: 'channels:write',
      params: connectionIdParams,
      query: connectionQuery,
      body: connectionChange,
      response: connection,
      async handle({ connection: { id, locationId, providerKey }, query, body, access }) {
        const { type, config, ...arrangement } = body;
        if (type !== undefined && config === undefined) {
          throw new AppError('request_invalid', 'A type needs a config.', { details: ['body.config: is needed with type'] });
        }
        const actor = toActor(access);
        let warnings: readonly string[] = [];
        if (config !== undefined) {
          const input = { type: type ?? (await connections.getConnection(id)).channel.type, config };
          const target = { locationId, providerKey, connectionId: id };
          ({ warnings } = await connections.connect(target, input, actor, { verify: query.verify }));
        }
        const changed = await connections.arrangeConnection({ id, locationId, providerKey }, arrangement, actor);
        return { ...(await toConnectionView(deps, changed, true)), warnings: [...warnings] };
      },
    }),

    defineRoute({
      method: 'delete',
      path,
      summary: 'Remove a connection; the next one in the order takes the place of the default one',
      permission: 'write',
      scope: 'channels:write',
      params: connectionIdParams,
      async handle({ connection: { id, locationId, providerKey }, access }) {
        await connections.disconnect({ locationId, providerKey, connectionId: id }, toActor(access));
      },
    }),

    ...createSenderRoutes(deps),
  ];
}

function createSenderRoutes({ connections, messaging }: ConnectionRouteDeps) {
  return [
    defineRoute({
      method: 'get',
      path: `${path}/senders`,
      summary:
        'List the senders of a connection with their settings and health: those of its config, of the vendor’s account and of rules',
      permission: 'read',
      scope: 'channels:read',
      params: connectionIdParams,
      response: createPageSchema(connectionSender),
      handle: async ({ connection: { id } }) => ({
        items: await messaging.listConnectionSenders(await connections.getConnection(id)),
        nextCursor: null,
      }),
    }),

    defineRoute({
      method: 'put',
      path: `${path}/senders/:address`,
      summary: 'Set the rate, daily cap and hours of a sender, or pause it; without any it has those of its connection',
      permission: 'write',
      scope: 'channels:write',
      params: senderParams,
      body: senderSettings.meta({ id: 'SenderSettings' }),
      async handle({ connection: ref, params, body, access }) {
        await connections.setSenderSettings(ref, params.address, body, toActor(access));
      },
    }),
  ];
}
