import type { Executor } from '../database/client.ts';
import { type QueueName, queueNames } from '../queue/job.ts';
import { findLateGroups, type LateGroup } from '../queue/latency.ts';
import type { AlertLimits, Finding, OpenOnes } from './alert.ts';

const titles: Record<QueueName, string> = {
  deliver: 'Sending',
  tell: 'Reporting to HighLevel',
  fetch: 'Fetching attachments',
};

/** The queue whose oldest open job has waited too long. It ends when that is half as old. */
export function oldQueues(lanes: readonly LateGroup[], isOpen: (name: string) => boolean, ageSeconds: number): Finding[] {
  return queueNames.flatMap((name) => {
    const limit = isOpen(name) ? ageSeconds / 2 : ageSeconds;
    const late = lanes.filter((lane) => lane.queue === name && lane.ageSeconds > limit);
    if (late.length === 0) return [];
    const oldest = Math.max(...late.map((lane) => lane.ageSeconds));
    const details = `${titles[name]}: a job has waited for ${Math.round(oldest)} seconds, though nothing of its own holds it back. Lanes with such jobs: ${late.length}. More workers are needed, or a far side is slow.`;
    return [{ subject: name, locationId: null, companyId: null, details }];
  });
}

/** Queues in which jobs wait that could be done. */
export async function waitingQueues(
  on: Executor,
  open: OpenOnes,
  { queueAgeSeconds }: AlertLimits,
  now: Date,
): Promise<Finding[]> {
  const lanes = await findLateGroups(on, now, (queueAgeSeconds / 2) * 1000);
  return oldQueues(lanes, (name) => open.has(name), queueAgeSeconds);
}
