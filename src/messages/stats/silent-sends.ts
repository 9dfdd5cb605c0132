import type { Executor } from '../../database/client.ts';

/** A connection whose first receipts usually come within a time. */
export interface SilenceWatch {
  readonly id: string;
  readonly receiptWithinMs: number;
}

/**
 * Counts the messages of each connection that were accepted and have been without any receipt for longer than usual. Attempts are read by
 * their end, in the order of an index.
 *
 * @param span times at which that time had passed, the first exclusive
 * @returns connections with such messages
 */
export function countSilentSends(
  on: Executor,
  watches: readonly SilenceWatch[],
  span: { readonly after: Date; readonly until: Date },
): Promise<{ connectionId: string; count: number }[]> {
  return on.$queryRaw`
    SELECT w.id::text AS "connectionId", count(DISTINCT m.id)::int AS count
    FROM json_to_recordset(${JSON.stringify(watches)}::json) AS w (id uuid, "receiptWithinMs" float8)
    JOIN attempts a ON a.connection_id = w.id AND a.outcome = 'accepted'
      AND a.ended_at > ${span.after}::timestamptz - w."receiptWithinMs" * interval '1 ms'
      AND a.ended_at <= ${span.until}::timestamptz - w."receiptWithinMs" * interval '1 ms'
    JOIN messages m ON m.id = a.message_id AND m.state = 'pending' AND m.reason_code = 'awaiting_receipt'
    WHERE NOT EXISTS (SELECT FROM receipts r WHERE r.message_id = m.id)
    GROUP BY w.id`;
}
