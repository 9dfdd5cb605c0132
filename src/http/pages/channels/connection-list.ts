import * as z from 'zod';
import type { Connection } from '../../../connections/connection.ts';
import { AppError } from '../../../core/errors.ts';
import type { Installation } from '../../../installations/store.ts';
import { toActor } from '../../auth/access.ts';
import { defineAction, optionalField, type PageInput } from '../framework/page.ts';
import type { Text } from '../framework/texts.ts';
import { toConnectionPath } from './connection-pages.ts';
import { type ChannelPageDeps, getProvider, toChannelName } from './providers.ts';
import { getStatuses } from './status.ts';

const connectionBody = z.object({ connectionId: z.uuid() });

type ListInput = PageInput & { location: Installation; providerKey: string };

/** Lists the connections of a provider that this process can use, in their order. */
export function listProviderConnections(
  { connections }: Pick<ChannelPageDeps, 'connections'>,
  { location, providerKey }: Pick<ListInput, 'location' | 'providerKey'>,
): Promise<Connection[]> {
  return connections.listUsableConnections({ locationId: location.resourceId, providerKey });
}

/** Returns a connection's name for people: its own, else its account's, else its channel's. */
export function toConnectionName(text: Text, connection: Connection): string {
  return connection.name ?? connection.account ?? toChannelName(text, connection.channel);
}

/** Lists the rows of the list of a provider's connections: name, channel, account, status and health. */
export async function listConnectionRows(deps: ChannelPageDeps, { location, providerKey, text, url }: ListInput) {
  const connections = await listProviderConnections(deps, { location, providerKey });
  const statuses = await getStatuses(deps, text, location, getProvider(deps, providerKey), connections);
  return connections.map((connection, index) => {
    const { id, name, account, isDefault, pausedAt } = connection;
    return {
      id,
      name: toConnectionName(text, connection),
      ownName: name,
      account,
      isDefault,
      isPaused: pausedAt !== null,
      status: statuses[index],
      href: url(toConnectionPath(isDefault ? { providerKey } : { providerKey, connection })),
    };
  });
}

/** Creates the actions of the list: naming, ordering, pausing, resuming and removing a connection, and making it the default one. */
export function createConnectionActions(deps: ChannelPageDeps) {
  const { connections } = deps;
  /** Finds one of the provider's own connections: the form names it, and the location decides. */
  const find = async (input: ListInput, id: string) => {
    getProvider(deps, input.providerKey);
    const found = (await listProviderConnections(deps, input)).find((connection) => connection.id === id);
    if (found) return found;
    throw new AppError('not_found', 'There is no such connection.');
  };
  const arrange = (change: (connection: Connection) => Parameters<typeof connections.arrangeConnection>[1]) =>
    defineAction({
      permission: 'write',
      body: connectionBody,
      async run(input) {
        const connection = await find(input, input.body.connectionId);
        await connections.arrangeConnection(connection, change(connection), toActor(input.access));
        return { notice: input.text('routing.saved') };
      },
    });
  return {
    rename: defineAction({
      permission: 'write',
      body: connectionBody.extend({ name: optionalField(z.string().trim().min(1).max(100)) }),
      async run(input) {
        const connection = await find(input, input.body.connectionId);
        const { name = null } = input.body;
        await connections.arrangeConnection(connection, { name }, toActor(input.access));
        return { notice: input.text('routing.saved') };
      },
    }),
    up: arrange(({ position }) => ({ position: Math.max(position - 1, 0) })),
    down: arrange(({ position }) => ({ position: position + 1 })),
    makeDefault: arrange(() => ({ isDefault: true })),
    pause: arrange(() => ({ isPaused: true })),
    unpause: arrange(() => ({ isPaused: false })),
    remove: defineAction({
      permission: 'write',
      body: connectionBody,
      async run(input) {
        const { id, locationId, providerKey } = await find(input, input.body.connectionId);
        await connections.disconnect({ locationId, providerKey, connectionId: id }, toActor(input.access));
        return { notice: input.text('routing.connections.isRemoved') };
      },
    }),
  };
}
