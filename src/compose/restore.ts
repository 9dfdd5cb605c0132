import { audit } from '../audit/audit-log.ts';
import { dateNow } from '../core/clock.ts';
import { formatCount } from '../core/format-count.ts';
import { compareIdentity } from '../database/identity.ts';
import { doubtCharges, doubtWaitingMessages } from '../messages/recovery/after-restore.ts';
import { doubtWaitingWork } from '../workflows/after-restore.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Finds out whether the database was restored from a backup, and doubts what waits in it, before anything goes out. */
export function treatRestore(
  { db, clock, newId, log }: Runtime,
  { walletMeterId }: Pick<CapabilityOptions, 'walletMeterId'>,
): Promise<void> {
  const now = dateNow(clock);
  return compareIdentity(db, now, async (tx) => {
    const count = await doubtWaitingMessages(tx, now);
    if (walletMeterId) await doubtCharges(tx, now);
    await doubtWaitingWork(tx, now);
    const details = `${formatCount(count, 'message')} may have been sent or posted after the backup was made.`;
    await audit(tx, { clock, newId }, { actor: 'patchbay', action: 'database_restored', details });
    log.warn({ count }, 'the database was restored from a backup: what waited in it is examined before it goes out');
  });
}
