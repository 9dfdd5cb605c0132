import type { Executor } from '../../database/client.ts';
import { highLevelRateLimit } from '../../highlevel/rate-limit.ts';
import { type QueueName, queueNames } from '../../queue/job.ts';
import { findLateGroups, type LateGroup } from '../../queue/latency.ts';
import type { AlertThresholds, Finding, OpenAlerts } from '../alert.ts';

const titles: Record<QueueName, string> = {
  deliver: 'Sending',
  highlevel: 'Reporting to HighLevel',
  fetch: 'Fetching attachments',
};

/** The queue whose oldest open job has waited too long. It ends when that is half as old. */
export function toLatencyFindings(
  groups: readonly LateGroup[],
  isOpen: (name: string) => boolean,
  maxLatencySeconds: number,
): Finding[] {
  return queueNames.flatMap((name) => {
    const limit = isOpen(name) ? maxLatencySeconds / 2 : maxLatencySeconds;
    const late = groups.filter((group) => group.queue === name && group.ageSeconds > limit);
    if (late.length === 0) return [];
    const oldest = Math.max(...late.map((lane) => lane.ageSeconds));
    const details = `${titles[name]}: a job has waited for ${Math.round(oldest)} seconds, though nothing of its own holds it back. Lanes with such jobs: ${late.length}. More workers are needed, or a far side is slow.`;
    return [{ subject: name, locationId: null, companyId: null, details }];
  });
}

/** Queues in which jobs wait that could be done. */
export async function findLateQueues(
  on: Executor,
  open: OpenAlerts,
  { queueLatencySeconds }: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const groups = await findLateGroups(on, now, (queueLatencySeconds / 2) * 1000, { highlevel: highLevelRateLimit });
  return toLatencyFindings(groups, (name) => open.has(name), queueLatencySeconds);
}
