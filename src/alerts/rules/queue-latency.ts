import { formatCount } from '../../core/format-count.ts';
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

/** Returns a finding for each queue whose oldest ready job has waited too long. It resolves at half of the threshold. */
export function toLatencyFindings(
  groups: readonly LateGroup[],
  isOpen: (name: string) => boolean,
  maxLatencySeconds: number,
): Finding[] {
  return queueNames.flatMap((name) => {
    const limit = isOpen(name) ? maxLatencySeconds / 2 : maxLatencySeconds;
    const late = groups.filter((group) => group.queue === name && group.ageSeconds > limit);
    if (late.length === 0) return [];
    const oldest = Math.max(...late.map((group) => group.ageSeconds));
    const details = `${titles[name]}: a job that is ready has waited for ${formatCount(Math.round(oldest), 'second')}. Groups with such jobs: ${late.length}. Add workers, or check for a slow vendor.`;
    return [{ subject: name, locationId: null, companyId: null, details }];
  });
}

/** Finds queues with a backlog of ready jobs. */
export async function findLateQueues(
  on: Executor,
  open: OpenAlerts,
  { queueLatencySeconds }: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const groups = await findLateGroups(on, now, (queueLatencySeconds / 2) * 1000, { highlevel: highLevelRateLimit });
  return toLatencyFindings(groups, (name) => open.has(name), queueLatencySeconds);
}
