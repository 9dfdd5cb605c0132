import { type Actor, audit } from '../audit/audit-log.ts';
import { enableConnections } from '../connections/remove.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Executor } from '../database/client.ts';
import { type Installation, type InstallationStatus, keyOf } from './store.ts';

export interface ActivateDeps {
  clock: Clock;
  newId: NewId;
  /** Releases the messages of a location that wait for its installation. */
  releaseWaiting(tx: Executor, locationId: string): Promise<void>;
}

/** Columns of an installation that has just received tokens. */
export const activeFields = {
  status: 'active',
  statusReason: null,
  reconcileAttempts: 0,
  slotReservedAt: null,
  // A refresh in flight belongs to the old token set and must not overwrite this one.
  refreshLease: null,
  refreshLeaseUntil: null,
} as const;

/** Applies the consequences of an installation that has become active, in the transaction that made it so. */
export async function onActivated(
  { clock, newId, releaseWaiting }: ActivateDeps,
  tx: Executor,
  row: Installation,
  previousStatus: InstallationStatus | undefined,
  actor: Actor = 'patchbay',
): Promise<void> {
  const isNew = previousStatus === undefined || previousStatus === 'pending' || previousStatus === 'uninstalled';
  await audit(tx, { clock, newId }, { actor, action: isNew ? 'installed' : 'reactivated', ...toAuditScope(row) });
  if (row.kind === 'company') {
    await tx.installation.update({ where: { kind_resourceId: keyOf(row) }, data: { nextSyncAt: dateNow(clock) } });
    // Its locations can now get tokens from the company's.
    await tx.installation.updateMany({
      where: { kind: 'location', companyId: row.resourceId, status: { notIn: ['active', 'uninstalled'] } },
      data: { reconcileAt: dateNow(clock), reconcileAttempts: 0 },
    });
    return;
  }
  if (isNew) await enableConnections(tx, row.resourceId);
  await releaseWaiting(tx, row.resourceId);
}

/** Returns the company and the location of an audit entry about an installation. */
export function toAuditScope(row: Pick<Installation, 'kind' | 'resourceId' | 'companyId'>) {
  return row.kind === 'company' ? { companyId: row.resourceId } : { locationId: row.resourceId, companyId: row.companyId };
}
