import { fitId } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import { sanitize } from '../../core/sanitize.ts';
import type { Database, Executor } from '../../database/client.ts';
import { mergePartReceipts } from '../model/parts.ts';
import { filterMessageLevelReceipts } from '../model/recipients.ts';
import type { ReportDelay } from '../model/report-delay.ts';
import type { LockedMessage } from '../model/transitions.ts';
import { decide, type MatchedReceipts } from './decide.ts';
import { lockExternalIds, lockMessages, lockMessagesAndJobs } from './locks.ts';
import { type ExternalIdMatch, readEarlyReceipts } from './receipt-rows.ts';
import { write } from './settle-sql.ts';
import type { Settlement } from './settlement.ts';

export interface SettleBatchDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  reportDelay: ReportDelay;
}

/** Settles a batch in one transaction: load and lock, decide, write. @param items no two of one message */
export function settleBatch({ db, clock, newId, reportDelay }: SettleBatchDeps, items: readonly Settlement[]): Promise<void> {
  const now = dateNow(clock);
  return db.transaction(async (tx) => {
    const { decided, locked, receipts } = await loadAndLock(tx, items);
    const rows = decide({ now, clock, reportDelay }, decided, locked, receipts);
    await write(tx, newId, rows, now);
  });
}

interface LoadedBatch {
  /** The settlements, each with what its `beforeWrite` has decided. */
  readonly decided: readonly Settlement[];
  readonly locked: readonly LockedMessage[];
  readonly receipts: MatchedReceipts;
}

/** Locks vendors' ids, messages and jobs, in this order, and reads what the decision depends on. */
async function loadAndLock(tx: Executor, items: readonly Settlement[]): Promise<LoadedBatch> {
  const ids = items.map(({ job }) => job.messageId);
  const externalIds = items.flatMap(toExternalIdMatches);
  await lockExternalIds(tx, externalIds);
  const early = await readEarlyReceipts(tx, externalIds);
  // `beforeWrite` may lock another message, an echo: this batch's are locked first. A receipt of one recipient depends on those of the others.
  if (early.length > 0 || items.some(({ beforeWrite }) => beforeWrite)) await lockMessages(tx, ids);
  const messageLevel = await filterMessageLevelReceipts(tx, await mergePartReceipts(tx, early));
  const decided: Settlement[] = [];
  for (const item of items) decided.push({ ...item, ...(await item.beforeWrite?.(tx)) });
  const jobs = items.map(({ job }) => job);
  const locked = await lockMessagesAndJobs(tx, ids, jobs);
  return { decided, locked, receipts: { externalIds, early, messageLevel } };
}

/** Lists the vendor's ids of an outcome: of all parts, or of those that were sent before the attempt failed. */
function toExternalIdMatches({ job, attempt }: Settlement): ExternalIdMatch[] {
  if (!attempt) return [];
  const { outcome, connectionId } = attempt;
  const accepted =
    'externalIds' in outcome ? outcome.externalIds : 'acceptedParts' in outcome ? (outcome.acceptedParts ?? []) : [];
  const isComplete = 'externalIds' in outcome;
  const externalIds = [...new Set(accepted)].map((id) => fitId(sanitize(id)));
  // Of a send that broke off, at least one more part is to follow.
  const partCount = externalIds.length + (isComplete ? 0 : 1);
  return externalIds.map((externalId, part) => ({ messageId: job.messageId, connectionId, externalId, part, partCount }));
}
