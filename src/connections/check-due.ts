import { dateNow } from '../core/clock.ts';
import type { Connection as ConnectionRow } from '../database/client.ts';
import type { CallVendorDeps } from './call-vendor.ts';
import { computeNextDailyCheck, computeNextProbe } from './check-schedule.ts';
import { claimDueConnections, forEachConnection, type UseConnectionsDeps } from './claim-due.ts';
import type { Connection } from './connection.ts';
import { awaitPairing, type HoldDeps, holdConnection, holdPauseMs, pauseMessages, resumeConnection } from './hold.ts';
import { type Verification, verifyConnection } from './verify.ts';

export interface CheckDueDeps extends CallVendorDeps, HoldDeps, UseConnectionsDeps {
  /** From 0 (inclusive) to 1, so that checks spread. */
  jitter: () => number;
}

/**
 * Asks the vendors of due connections whether they still accept them: daily, and more often while a connection is on hold. A rejected one is
 * held, and a verified one resumed. One process at a time works on a connection.
 *
 * @returns the number of connections
 */
export async function checkDueConnections(deps: CheckDueDeps): Promise<number> {
  const rows = await claimDueConnections(deps, 'check');
  await forEachConnection(deps, rows, (connection, row) => checkConnection(deps, connection, row));
  return rows.length;
}

async function checkConnection(deps: CheckDueDeps, connection: Connection, row: ConnectionRow): Promise<void> {
  const verification = await verifyConnection(deps, connection);
  if (verification === null) return endHoldInTime(deps, connection, row);
  if (verification.kind === 'verified') return applyVerified(deps, connection, verification);
  if (verification.kind === 'rejected') {
    const [problem] = verification.problems;
    const message = verification.problems.map((one) => one.message).join(' ');
    await holdConnection(deps, connection, { code: problem?.code ?? 'rejected', message });
  } else if (connection.status !== 'active') {
    // The vendor may be down for longer than the pause lasts.
    await pauseMessages(deps, connection, connection.statusReason?.message ?? verification.message);
  }
  await scheduleProbe(deps, connection, row, verification);
}

/** A channel that cannot ask its vendor finds out by sending: at the end of the pause. */
async function endHoldInTime(deps: CheckDueDeps, connection: Connection, row: ConnectionRow): Promise<void> {
  const { id, status, updatedAt } = connection;
  const resumesAt = new Date((row.statusChangedAt ?? row.updatedAt).getTime() + holdPauseMs);
  const isOver = resumesAt <= dateNow(deps.clock);
  if (status !== 'active' && isOver) await resumeConnection(deps, connection, 'patchbay');
  const checkDueAt = status === 'active' || isOver ? null : resumesAt;
  await deps.db.client.connection.updateMany({ where: { id, updatedAt }, data: { checkDueAt } });
}

async function applyVerified(
  deps: CheckDueDeps,
  connection: Connection,
  { account, isPaired }: Extract<Verification, { kind: 'verified' }>,
): Promise<void> {
  const { id, updatedAt, channel, webhookRegistration } = connection;
  const now = dateNow(deps.clock);
  if (!isPaired) await awaitPairing(deps, connection);
  else if (connection.status !== 'active') await resumeConnection(deps, connection, 'patchbay');
  // Another program may have replaced the addresses since yesterday.
  const isRegistered = webhookRegistration?.status === 'registered' && channel.setup?.registerWebhooks;
  await deps.db.client.connection.updateMany({
    where: { id, updatedAt },
    data: {
      account,
      checkFailureCount: 0,
      checkDueAt: isPaired ? computeNextDailyCheck(now, deps.jitter()) : computeNextProbe(now, 0, deps.jitter()),
      ...(isRegistered ? { setupDueAt: now } : {}),
    },
  });
}

async function scheduleProbe(
  deps: CheckDueDeps,
  { id, updatedAt }: Connection,
  row: ConnectionRow,
  verification: Exclude<Verification, { kind: 'verified' }>,
): Promise<void> {
  // The reason of a hold is the vendor's latest word.
  const reason =
    verification.kind === 'rejected'
      ? {
          statusCode: verification.problems[0]?.code ?? 'rejected',
          statusReason: verification.problems.map(({ message }) => message).join(' '),
        }
      : {};
  const isNewlyHeld = row.status === 'active' && verification.kind === 'rejected';
  const failureCount = isNewlyHeld ? 0 : row.checkFailureCount + 1;
  await deps.db.client.connection.updateMany({
    where: { id, updatedAt },
    data: {
      ...reason,
      checkFailureCount: failureCount,
      checkDueAt: computeNextProbe(dateNow(deps.clock), failureCount, deps.jitter()),
    },
  });
}
