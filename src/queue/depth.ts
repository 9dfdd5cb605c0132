import type { Executor } from '../database/client.ts';
import { type QueueName, queueNames } from './job.ts';

/** Jobs of one queue by state, and the wait of its oldest job. */
export interface QueueDepth {
  name: QueueName;
  ready: number;
  deferred: number;
  active: number;
  latencySeconds: number;
}

/** Counts the jobs of each queue by state. */
export async function getQueueDepths(on: Executor, now: Date): Promise<QueueDepth[]> {
  const rows = await on.$queryRaw<QueueDepth[]>`
    SELECT queue::text AS name,
      count(*) FILTER (WHERE worker_id IS NULL AND due_at <= ${now})::int AS ready,
      count(*) FILTER (WHERE worker_id IS NULL AND due_at > ${now})::int AS deferred,
      count(worker_id)::int AS active,
      COALESCE(EXTRACT(EPOCH FROM ${now}::timestamptz - min(due_at) FILTER (WHERE worker_id IS NULL)), 0)::float8 AS "latencySeconds"
    FROM jobs GROUP BY queue`;
  return queueNames.map((name) => {
    const row = rows.find((one) => one.name === name);
    const empty = { name, ready: 0, deferred: 0, active: 0, latencySeconds: 0 };
    return row ? { ...row, latencySeconds: Math.max(row.latencySeconds, 0) } : empty;
  });
}

/** Counts the waiting ordering keys of a group, up to `max`: many messages to one contact count once. */
export function countReadyHeads(on: Executor, queue: QueueName, groupKey: string, max: number): Promise<number> {
  return on.job.count({ where: { queue, groupKey, workerId: null, isHead: true }, take: max });
}
