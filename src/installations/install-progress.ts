import type { Database, InstallationStatus } from '../database/client.ts';
import type { Installation } from './store.ts';

/** Progress of an agency's install. */
export interface InstallProgress {
  /** Its locations by status. */
  readonly locations: Record<InstallationStatus, number>;
  readonly sync: {
    /** `waiting`: not started; `running`: the list of locations is being read; `done`: it was read at least once. */
    readonly status: 'waiting' | 'running' | 'done';
    readonly startedAt: Date | null;
    readonly finishedAt: Date | null;
  };
}

/** Counts an agency's locations by status, and returns the state of the list. */
export async function getInstallProgress(db: Database, row: Installation): Promise<InstallProgress> {
  const counts = await db.client.installation.groupBy({
    by: ['status'],
    where: { kind: 'location', companyId: row.resourceId },
    _count: true,
  });
  const locations = { pending: 0, active: 0, suspended: 0, reauth_required: 0, uninstalled: 0 };
  for (const { status, _count } of counts) locations[status] = _count;
  return {
    locations,
    sync: {
      status: row.syncOffset !== null ? 'running' : row.syncedAt ? 'done' : 'waiting',
      startedAt: row.syncStartedAt,
      finishedAt: row.syncedAt,
    },
  };
}
