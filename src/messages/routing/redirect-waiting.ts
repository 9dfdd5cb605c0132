import { toProviderGroupKey } from '../../connections/queue-group.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database } from '../../database/client.ts';
import { moveJobs } from '../../queue/move-group.ts';

const batchSize = 2_000;

interface WaitingJob {
  messageId: string;
  locationId: string;
  providerKey: string;
}

/**
 * Moves messages that wait for an unavailable connection back to the group of their provider, where they are decided anew: policies may let
 * them fail or go to the next connection. A message that an attempt may have sent stays, and with `next` all stay while there is no other
 * connection that is available.
 *
 * @returns their number
 */
export async function redirectWaiting({ db, clock }: { db: Database; clock: Clock }): Promise<number> {
  const now = dateNow(clock);
  const rows = await db.client.$queryRaw<WaitingJob[]>`
    WITH routed AS (
      SELECT c.id, c.location_id, c.provider_key, p.policy ->> 'whenUnavailable' AS "whenUnavailable",
        'sending/' || c.location_id || '/' || c.provider_key || '/' || c.id AS group_key,
        c.paused_at IS NOT NULL OR c.status <> 'active' OR EXISTS (
          SELECT 1 FROM rate_limits r WHERE r.key = 'sending/' || c.location_id || '/' || c.provider_key || '/' || c.id
            AND r.pause_code = 'daily_cap' AND r.paused_until > ${now}) AS "isUnavailable"
      FROM routing_policies p JOIN connections c ON c.location_id = p.location_id AND c.provider_key = p.provider_key
      WHERE p.policy ->> 'whenUnavailable' IN ('fail', 'next') AND c.has_own_group AND c.disabled_at IS NULL),
    closed AS (
      SELECT * FROM routed WHERE "isUnavailable" AND ("whenUnavailable" = 'fail' OR EXISTS (
        SELECT 1 FROM routed AS other WHERE other.location_id = routed.location_id AND other.provider_key = routed.provider_key
          AND NOT other."isUnavailable"))),
    heads AS (
      SELECT closed.*, jobs.ordering_key FROM closed JOIN jobs ON jobs.queue = 'deliver' AND jobs.group_key = closed.group_key
      WHERE jobs.worker_id IS NULL AND jobs.is_head)
    SELECT jobs.message_id AS "messageId", heads.location_id AS "locationId", heads.provider_key AS "providerKey"
    FROM heads JOIN jobs ON jobs.queue = 'deliver' AND jobs.ordering_key = heads.ordering_key AND jobs.group_key = heads.group_key
    JOIN messages ON messages.id = jobs.message_id
    WHERE jobs.worker_id IS NULL AND NOT messages.is_test AND NOT EXISTS (
      SELECT 1 FROM attempts WHERE attempts.message_id = jobs.message_id AND (outcome IS NULL OR outcome = 'unknown')
        AND (messages.resent_at IS NULL OR attempts.started_at >= messages.resent_at))
    -- Counts those that move: any number may stay.
    LIMIT ${batchSize}`;
  const byGroup = Map.groupBy(rows, toProviderGroupKey);
  let count = 0;
  for (const [groupKey, jobs] of byGroup) {
    const ids = jobs.map(({ messageId }) => messageId);
    count += await moveJobs(db.client, ids, groupKey, now);
  }
  return count;
}
