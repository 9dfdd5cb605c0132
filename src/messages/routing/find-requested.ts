import type { Sender } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { normalizeAddress } from '../../core/address.ts';
import { isAppError } from '../../core/errors.ts';
import type { Message } from '../../database/client.ts';
import type { RequestedSender } from './decide-sender.ts';
import type { RoutingSetup } from './load-setup.ts';
import { readRoute } from './stored-route.ts';

export interface FindRequestedDeps {
  /** Lists the senders of a vendor's account, from a cache. @throws AppError: its channel lists none, or the vendor can't be asked */
  listVendorSenders(connection: Connection): Promise<readonly Sender[]>;
}

/**
 * Finds the sender that the workflow of a message has chosen, and the connection that has it: by its config, its settings, a rule that names
 * both, or its vendor's list. The default connection goes first where several have it.
 *
 * @returns null for a message whose sender is not chosen
 */
export async function findRequested(
  deps: FindRequestedDeps,
  { sender, route }: Pick<Message, 'sender' | 'route'>,
  connections: readonly Connection[],
  setup: RoutingSetup,
): Promise<RequestedSender | null> {
  const requested = route === null ? sender : (readRoute(route)?.requestedSender ?? null);
  if (requested === null) return null;
  const isRequested = (address: string) => address === requested || normalize(address) === normalize(requested);
  const ordered = connections.toSorted((a, b) => Number(b.isDefault) - Number(a.isDefault));
  for (const { id } of ordered) {
    const known = listKnown(setup, id).find(isRequested);
    if (known !== undefined) return { connectionId: id, sender: known };
  }
  const [only, second] = ordered;
  if (only && !second) return { connectionId: only.id, sender: requested };
  for (const connection of ordered) {
    const listed = (await listVendorSenders(deps, connection)).find(({ address }) => isRequested(address));
    if (listed) return { connectionId: connection.id, sender: listed.address };
  }
  return { connectionId: null, sender: requested };
}

function listKnown({ policy, connections, senders }: RoutingSetup, id: string): string[] {
  const own = connections.find((connection) => connection.id === id)?.ownSender;
  const named = [
    ...senders.map(({ connectionId, address }) => ({ connectionId, sender: address })),
    ...policy.rules,
    ...policy.spread,
  ];
  return [own, ...named.map(({ connectionId, sender }) => (connectionId === id ? sender : null))].filter(
    (address) => address !== null && address !== undefined,
  );
}

async function listVendorSenders(deps: FindRequestedDeps, connection: Connection): Promise<readonly Sender[]> {
  if (!connection.channel.setup?.listSenders) return [];
  try {
    return await deps.listVendorSenders(connection);
  } catch (error) {
    if (isAppError(error)) return [];
    throw error;
  }
}

function normalize(address: string): string {
  return normalizeAddress(address).address;
}
