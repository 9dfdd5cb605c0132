import type { Connection, ConnectionRef } from '../../connections/connection.ts';
import { toConnectionGroupKey } from '../../connections/queue-group.ts';
import { isAppError } from '../../core/errors.ts';
import type { Connection as ConnectionRow } from '../../database/client.ts';
import { type PlaceDeps, type Placement, placeMessage } from './place-message.ts';

export interface ChooseDeps extends PlaceDeps {
  /** @returns null for none */
  loadConnections(ref: ConnectionRef): Promise<readonly ConnectionRow[] | null>;
  /** @throws AppError `request_invalid` when this process does not have the connection's channel; `secret_unreadable` */
  decryptConnection(row: ConnectionRow): Connection;
}

/**
 * Chooses the connection of a message. The only connection of a provider without rules carries it at once: that takes no statement but the
 * one that loads the connection.
 *
 * @param groupKey the group in which its job runs
 * @returns null where no channel is connected
 * @throws AppError as `decryptConnection`, and as `placeMessage`
 */
export async function chooseConnection(
  deps: ChooseDeps,
  message: Parameters<typeof placeMessage>[1],
  groupKey: string,
): Promise<Placement | null> {
  const rows = await deps.loadConnections(message);
  const [first, second] = rows ?? [];
  if (!rows || !first) return null;
  if (second || first.hasOwnGroup || groupKey !== toConnectionGroupKey(first)) {
    return placeMessage(deps, message, groupKey, listUsable(deps, rows, message.connectionId));
  }
  return { connection: deps.decryptConnection(first), sender: null };
}

/**
 * Decrypts the connections that this process can use.
 *
 * @param keptId the one that a message has: it does not go elsewhere because this process lacks a key
 * @throws AppError as `decryptConnection`, when it can use none, or not that one
 */
export function listUsable(
  deps: Pick<ChooseDeps, 'decryptConnection'>,
  rows: readonly ConnectionRow[],
  keptId: string | null,
): Connection[] {
  const usable: Connection[] = [];
  let problem: unknown;
  for (const row of rows) {
    try {
      usable.push(deps.decryptConnection(row));
    } catch (error) {
      if (row.id === keptId || !isAppError(error, 'request_invalid', 'secret_unreadable')) throw error;
      problem = error;
    }
  }
  if (usable.length === 0) throw problem;
  return usable;
}
