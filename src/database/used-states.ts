import { createHash } from 'node:crypto';
import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from './client.ts';

const retentionMs = 24 * 60 * 60 * 1000;

interface UsedStateDeps {
  db: Database;
  clock: Clock;
}

/** Uses up the `state` of an OAuth authorization. @returns true for one of all callers, in any processes */
export async function claimOauthState({ db, clock }: UsedStateDeps, state: string): Promise<boolean> {
  const data = { id: createHash('sha256').update(state).digest('hex'), usedAt: dateNow(clock) };
  return (await db.client.usedOauthState.createMany({ data, skipDuplicates: true })).count === 1;
}

/** Deletes the ids of states that have long expired. */
export async function purgeUsedStates({ db, clock }: UsedStateDeps): Promise<void> {
  await db.client.usedOauthState.deleteMany({ where: { usedAt: { lt: new Date(clock.now() - retentionMs) } } });
}
