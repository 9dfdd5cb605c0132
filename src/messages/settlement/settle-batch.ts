import { fitId } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import { sanitize } from '../../core/sanitize.ts';
import type { Database, Executor, SqlExecutor } from '../../database/client.ts';
import { mergePartReceipts } from '../model/parts.ts';
import { mergeRecipientReceipts } from '../model/recipients.ts';
import type { ReportDelay } from '../model/report-delay.ts';
import type { LockedMessage } from '../model/transitions.ts';
import { decide, type MatchedReceipts, toRecipientRows } from './decide.ts';
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
export async function settleBatch(deps: SettleBatchDeps, items: readonly Settlement[]): Promise<void> {
  if (items.some(({ beforeWrite }) => beforeWrite)) {
    await deps.db.transaction((tx) => settleIn(deps, tx, items, () => askEach(tx, items)));
  } else await deps.db.sqlTransaction((tx) => settleIn(deps, tx, items, () => Promise.resolve(items)));
}

/** Lets each settlement decide by what it reads, one after the other. */
async function askEach(tx: Executor, items: readonly Settlement[]): Promise<Settlement[]> {
  const decided: Settlement[] = [];
  for (const item of items) decided.push({ ...item, ...(await item.beforeWrite?.(tx)) });
  return decided;
}

async function settleIn(
  { clock, newId, reportDelay }: SettleBatchDeps,
  tx: SqlExecutor,
  items: readonly Settlement[],
  decideItems: () => Promise<readonly Settlement[]>,
): Promise<void> {
  const now = dateNow(clock);
  const { decided, locked, receipts } = await loadAndLock(tx, items, decideItems);
  const rows = decide({ now, clock, reportDelay }, decided, locked, receipts);
  await write(tx, newId, rows, now);
}

interface LoadedBatch {
  /** The settlements, each with what its `beforeWrite` has decided. */
  readonly decided: readonly Settlement[];
  readonly locked: readonly LockedMessage[];
  readonly receipts: MatchedReceipts;
}

/** Locks vendors' ids, messages and jobs, in this order, and reads what the decision depends on. */
async function loadAndLock(
  tx: SqlExecutor,
  items: readonly Settlement[],
  decideItems: () => Promise<readonly Settlement[]>,
): Promise<LoadedBatch> {
  const ids = items.map(({ job }) => job.messageId);
  const externalIds = items.flatMap(toExternalIdMatches);
  await lockExternalIds(tx, externalIds);
  const early = await readEarlyReceipts(tx, externalIds);
  const sentToSeveral = new Set(items.flatMap((item) => (hasSentToSeveral(item) ? item.job.messageId : [])));
  // `beforeWrite` may lock another message, an echo: this batch's are locked first. A receipt of one recipient depends on those of the others.
  if (early.length + sentToSeveral.size > 0 || items.some(({ beforeWrite }) => beforeWrite)) await lockMessages(tx, ids);
  const recipientRows = items.filter(hasSentToSeveral).flatMap(toRecipientRows);
  const messageLevel = await mergeRecipientReceipts(
    tx,
    [...(await mergePartReceipts(tx, early)), ...recipientRows],
    sentToSeveral,
  );
  const decided = await decideItems();
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
  const toIds = (ids: readonly string[]) => [...new Set(ids)].map((id) => fitId(sanitize(id)));
  const externalIds = toIds(accepted);
  const aliases = toIds(outcome.aliases ?? []).filter((id) => !externalIds.includes(id));
  // Of a send that broke off, at least one more part is to follow.
  const partCount = externalIds.length + (isComplete ? 0 : 1);
  const toMatch = (externalId: string, part: number | null) => ({
    ...{ messageId: job.messageId, connectionId, externalId, part, partCount },
  });
  return [...externalIds.map(toMatch), ...aliases.map((alias) => toMatch(alias, null))];
}

/** Returns whether an email to several has been sent to all of them that it can reach. */
function hasSentToSeveral({ attempt }: Settlement): boolean {
  return attempt?.email?.isToSeveral === true && attempt.email.isSent;
}
