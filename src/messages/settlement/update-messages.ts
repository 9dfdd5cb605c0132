import { dateNow } from '../../core/clock.ts';
import type { Executor } from '../../database/client.ts';
import type { NewJob } from '../../queue/job.ts';
import { insertJobsCte } from '../../queue/sql/add-jobs.ts';
import { runNow } from '../../queue/sql/reschedule-jobs.ts';
import { coalesce, type ReportJobDeps, toReportJob } from '../model/message-jobs.ts';
import { getEarliestReportAt } from '../model/report-delay.ts';
import type { LockedMessage, MessageChange, MessagePatch } from '../model/transitions.ts';
import { lockMessagesAndJobs } from './locks.ts';
import { updateMessagesCte } from './settle-sql.ts';

/** Changes of locked messages, and what follows from them. */
export interface MessageUpdate {
  /** Messages that change, as they will be. */
  readonly changed: LockedMessage[];
  /** Reports of states that HighLevel does not have yet. */
  readonly reports: NewJob[];
  /** Messages whose next attempt was planned and is not needed any more. */
  readonly cancelledRetries: string[];
}

/** Applies patches to locked messages. Pure. */
export function computeChanges(
  deps: ReportJobDeps,
  locked: readonly LockedMessage[],
  patches: ReadonlyMap<string, MessagePatch>,
): MessageUpdate {
  const changed: LockedMessage[] = [];
  const reports: NewJob[] = [];
  const cancelledRetries: string[] = [];
  for (const before of locked) {
    const patch = patches.get(before.id) ?? {};
    if (Object.keys(patch).length === 0) continue;
    const after = { ...before, ...patch };
    changed.push(after);
    if (before.nextAttemptAt && (after.state !== 'pending' || after.heldForReviewAt)) cancelledRetries.push(after.id);
    if (after.state !== before.state && after.highlevelMessageId && after.direction === 'outbound') {
      reports.push(toReportJob(after, getEarliestReportAt(deps, after.createdAt)));
    }
  }
  return { changed, reports, cancelledRetries };
}

/**
 * Changes messages outside of a job's settlement, and enqueues the reports that follow, in the caller's transaction.
 *
 * @param expectMore messages of which more changes are likely to follow at once; their reports are coalesced
 */
export async function updateMessages(
  deps: ReportJobDeps,
  tx: Executor,
  changes: ReadonlyMap<string, MessageChange>,
  expectMore: ReadonlySet<string | null> = new Set(),
): Promise<void> {
  if (changes.size === 0) return;
  const locked = await lockMessagesAndJobs(tx, [...changes.keys()], []);
  const patches = new Map(locked.map((message) => [message.id, changes.get(message.id)?.(message) ?? {}]));
  const { changed, reports, cancelledRetries } = computeChanges(deps, locked, patches);
  if (changed.length === 0) return;
  // Otherwise these jobs hold back their contacts' next messages until the cancelled attempt would have been due.
  if (cancelledRetries.length > 0) await runNow(tx, 'deliver', cancelledRetries, dateNow(deps.clock));
  await tx.$queryRawUnsafe(
    updateSql,
    dateNow(deps.clock),
    JSON.stringify(changed),
    JSON.stringify(reports.map((job) => (expectMore.has(job.messageId) ? coalesce(deps.clock, job) : job))),
  );
}

const updateSql = `WITH ${updateMessagesCte}, ${insertJobsCte('$3')} SELECT * FROM notified`;
