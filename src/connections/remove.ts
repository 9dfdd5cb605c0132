import { type Clock, dateNow } from '../core/clock.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database, Executor } from '../database/client.ts';
import { freeGroups } from '../queue/group-owner.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { configAad } from './sealed-config.ts';

/** Enables a location's connections again, which its uninstall disabled. */
export async function enableConnections(tx: Executor, locationId: string): Promise<void> {
  await tx.connection.updateMany({ where: { locationId }, data: { disabledAt: null } });
}

/** Removes a location's connections after its uninstall. @param isKept disables them instead, for a later reinstall */
export async function removeConnections(
  { db, box, clock }: { db: Database; box: SecretBox; clock: Clock },
  locationId: string,
  isKept: boolean,
): Promise<void> {
  const { connection } = db.client;
  const rows = await connection.findMany({ where: { locationId }, select: { id: true, locationId: true, providerKey: true } });
  if (!isKept) await connection.deleteMany({ where: { locationId } });
  else await connection.updateMany({ where: { locationId, disabledAt: null }, data: { disabledAt: dateNow(clock) } });
  // Without a connection their jobs find that out in any process.
  await freeGroups(db.client, rows.map(toConnectionGroupKey));
  for (const { id } of rows) box.evict(configAad(id));
}
