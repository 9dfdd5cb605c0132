import type { Database } from '../database/client.ts';

/** Deletes a batch of events that ended before a time. @returns the number deleted */
export async function purgeEvents({ db }: { db: Database }, before: Date): Promise<number> {
  return db.client.$executeRaw`
    DELETE FROM trigger_events WHERE id IN (SELECT id FROM trigger_events WHERE ended_at < ${before} LIMIT 1000)`;
}

/** Deletes the subscriptions of locations that were uninstalled before a time. */
export async function purgeSubscriptions({ db }: { db: Database }, before: Date): Promise<void> {
  await db.client.$executeRaw`
    DELETE FROM trigger_subscriptions WHERE location_id IN (
      SELECT resource_id FROM installations WHERE kind = 'location' AND status = 'uninstalled' AND uninstalled_seen_at < ${before})`;
}
