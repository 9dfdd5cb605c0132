import type { Executor } from '../../database/client.ts';
import { firstRefundCheckMs } from '../billing/charge-send.ts';
import { getReason } from '../model/reasons.ts';

/**
 * Treats what waits in a restored database as what it is: it may have been done after the backup was made. Outbound messages get an attempt whose
 * outcome is unknown, so that the vendor is asked, an idempotent one gets them again, and a person decides about the rest. Replies get a post
 * without a response, so that HighLevel is asked whether it has them.
 *
 * They are found by their jobs, which all of them have: a scan of 20 million messages took longer than a statement may.
 *
 * @returns the number of messages
 */
export async function doubtWaitingMessages(tx: Executor, now: Date): Promise<number> {
  const { code, message } = getReason('restored');
  const outbound = await tx.$executeRaw`
    INSERT INTO attempts (id, message_id, connection_id, started_at, ended_at, outcome, code, reason, event_order)
    SELECT gen_random_uuid(), m.id, c.id, GREATEST(${now}::timestamptz, m.resent_at), ${now}::timestamptz, 'unknown', ${code}, ${message},
      nextval('event_order')
    FROM jobs JOIN messages m ON m.id = jobs.message_id JOIN connections c ON c.id = COALESCE(m.connection_id, (
      SELECT id FROM connections WHERE location_id = m.location_id AND provider_key = m.provider_key AND is_default))
    WHERE jobs.queue = 'deliver' AND m.direction = 'outbound' AND m.state = 'pending' AND m.held_for_review_at IS NULL
      AND m.reason_code IS DISTINCT FROM 'awaiting_receipt' AND NOT EXISTS (
        SELECT 1 FROM attempts a WHERE a.message_id = m.id AND (a.ended_at IS NULL OR a.outcome = 'unknown')
          AND a.started_at >= COALESCE(m.resent_at, '-infinity'))`;
  const inbound = await tx.$executeRaw`
    UPDATE messages SET post_started_at = created_at FROM jobs
    WHERE jobs.queue = 'highlevel' AND jobs.message_id = messages.id
      AND messages.direction = 'inbound' AND messages.state = 'pending' AND messages.post_started_at IS NULL`;
  return outbound + inbound;
}

/**
 * Treats the charge of each message that waits in a restored database as one of unknown outcome: it may have been made after the backup, and
 * HighLevel is not known to recognise a repeat. So it is searched for before it is made.
 */
export async function doubtCharges(tx: Executor, now: Date): Promise<void> {
  const dueAt = new Date(now.getTime() + firstRefundCheckMs);
  await tx.$executeRaw`
    INSERT INTO wallet_charges (message_id, location_id, event_id, status, started_at, due_at)
    SELECT m.id, m.location_id, m.id::text, 'started', ${now}::timestamptz, ${dueAt}::timestamptz
    FROM jobs JOIN messages m ON m.id = jobs.message_id
    WHERE jobs.queue = 'deliver' AND m.direction = 'outbound' AND m.state = 'pending' AND NOT m.is_test
    ON CONFLICT (message_id) DO UPDATE SET
      round = wallet_charges.round + 1, event_id = wallet_charges.message_id || '-' || wallet_charges.round + 1,
      status = 'started', charge_id = NULL, error_count = 0, started_at = EXCLUDED.started_at, due_at = EXCLUDED.due_at
    WHERE wallet_charges.status = 'refunded'`;
}
