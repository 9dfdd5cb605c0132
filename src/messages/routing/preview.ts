import type { Connection, ConnectionRef } from '../../connections/connection.ts';
import { AppError } from '../../core/errors.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { type ChooseDeps, listUsable } from './choose-connection.ts';
import { type DecideForDeps, decideFor } from './decide-for.ts';
import type { RoutingDecision } from './decide-sender.ts';
import type { LoadSetup } from './load-setup.ts';

export interface PreviewDeps extends DecideForDeps, Pick<ChooseDeps, 'loadConnections' | 'decryptConnection'> {
  loadSetup: LoadSetup;
  readAddress: ReadAddress;
}

/** A message for which a person wants to know the decision. */
export interface PreviewedMessage {
  readonly to: string;
  readonly contactId?: string | undefined;
  readonly text?: string | undefined;
}

/**
 * Decides about a message as it would be decided now, and sends nothing.
 *
 * @throws AppError `conflict`: the provider has no connection; others when HighLevel is needed and can't be reached now
 */
export async function previewRoute(
  deps: PreviewDeps,
  { locationId, providerKey }: ConnectionRef,
  { to, contactId, text }: PreviewedMessage,
): Promise<{ decision: RoutingDecision; connection: Connection }> {
  const ref = { locationId, providerKey };
  const rows = await deps.loadConnections(ref);
  if (!rows) throw new AppError('conflict', 'Connect a channel for this provider first.');
  const connections = listUsable(deps, rows, null);
  const { address } = await deps.readAddress(locationId, to);
  const setup = await deps.loadSetup(ref, connections);
  const decision = await decideFor(
    deps,
    { ...ref, id: null, contactId: contactId ?? null, to: address, text: text ?? null, requested: null },
    setup,
  );
  return { decision, connection: connections.find(({ id }) => id === decision.connectionId) as Connection };
}
