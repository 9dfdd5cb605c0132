import type { Executor } from '../../database/client.ts';

/**
 * Makes the first job of each ordering key its head. A key without a head would never be claimed; that can only happen when a message is
 * deleted while its job finishes.
 */
export async function repairQueueHeads(on: Executor): Promise<void> {
  await on.$executeRaw`
    UPDATE jobs SET is_head = true FROM (SELECT DISTINCT ON (queue, ordering_key) queue, message_id FROM jobs ORDER BY queue, ordering_key, message_id) AS first
    WHERE jobs.queue = first.queue AND jobs.message_id = first.message_id AND NOT is_head`;
}
