import type { SendOutcome } from '../../channels/channel.ts';
import { fitId } from '../../core/bounds.ts';
import { dateNow, sleep } from '../../core/clock.ts';
import { AppError, isAppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import type { Executor } from '../../database/client.ts';
import { isDataError, isInvalidValue, isUnavailable } from '../../database/errors.ts';
import {
  finishJobsCte,
  finishRows,
  insertJobsCte,
  type Job,
  type JobResult,
  type NewJob,
  releaseOrderingKeys,
  runNow,
} from '../../queue/job.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import type { Log } from '../../runtime/log.ts';
import { type ContactAddress, toContactAddressRows, upsertContactAddressesCte } from '../inbound/contact-addresses.ts';
import { getReason, getReasonType } from '../model/reasons.ts';
import { filterMessageLevelReceipts } from '../model/recipients.ts';
import { finishAttemptsCte, toAttemptRows } from '../outbound/attempts.ts';
import { applyReceipts } from '../reporting/record-receipt.ts';
import {
  claimReceiptsCte,
  type EarlyReceipt,
  type ExternalIdMatch,
  readEarlyReceipts,
  toReceiptClaimRows,
} from './receipt-rows.ts';
import { insertReportAttemptsCte, type ReportAttempt, toReportAttemptRows } from './report-attempts.ts';
import {
  computeChanges,
  type LockedMessage,
  lockExternalIds,
  lockMessages,
  type Message,
  type MessageChange,
  type MessagePatch,
  type StoreDeps,
  toRecipientsReportJob,
  updateMessagesCte,
} from './update-messages.ts';

/** What a job leads to: all of it is written with the end of the job, or none of it. */
export interface Settlement {
  readonly job: Job;
  /** The message as it was when the job began. A person may have had it sent again since: then the job runs again, and what it led to is not of that. */
  readonly basedOn?: Pick<Message, 'resentAt'>;
  /** From what the message is now; a receipt may have moved it while it was being sent. */
  readonly change?: (current: LockedMessage) => MessagePatch;
  /** When the job runs again; null when it is done. */
  readonly runAgainAt?: Date | null | ((current: LockedMessage) => Date | null);
  /** Where the job runs again: later jobs of its ordering key go ahead of it. The message notes it in `outOfOrderAt`. */
  readonly letsOthersPass?: boolean;
  /** A job that must be done first. */
  readonly prerequisiteJob?: NewJob;
  /** How an attempt ended. */
  readonly attempt?: { readonly id: string; readonly connectionId: string; readonly outcome: SendOutcome };
  /** One try to tell HighLevel something. */
  readonly report?: ReportAttempt;
  /** Whose address this is. */
  readonly contactAddress?: ContactAddress | null;
  /** Fields to set on top of `change`. */
  readonly patch?: MessagePatch;
  /** Runs in the same transaction, before the message changes; the message is locked. What it returns replaces members of the settlement. */
  readonly beforeWrite?: (tx: Executor) => Promise<Pick<Settlement, 'patch' | 'runAgainAt'> | undefined>;
}

export type Settle = (settlement: Settlement) => Promise<void>;

export interface SettleDeps extends StoreDeps {
  newId: NewId;
  log: Log;
}

const maxBatchSize = 100;
const maxAttempts = 60;
const retryDelayMs = 1_000;
const maxRetryDelayMs = 30_000;

/** Settles jobs, and knows what it could not write yet. */
export interface Settler extends Settle {
  /** Returns the messages for which a vendor or HighLevel has responded, so that only this process knows of it. */
  unwritten(): readonly string[];
}

/**
 * Writes what jobs lead to, those that end together in one transaction. A response of a vendor or of HighLevel is known only here: it is
 * kept until it is written, however long the database is away and also while the program stops. Only data that the database refuses for
 * itself is given up, so that it does not hold a hand for ever.
 */
export function createSettler(deps: SettleDeps): Settler {
  const settle = createBatcher<Settlement, void>({
    maxBatchSize,
    run: async (items) => {
      for (const round of splitByMessage(items)) await settleBatch(deps, round);
      return items.map(() => undefined);
    },
    isItemError: (error) => isDataError(error) || isAppError(error, 'conflict'),
  });
  const unwritten = new Set<Settlement>();

  async function settleWithRetry(original: Settlement): Promise<void> {
    let settlement = original;
    for (let attempts = 1; ; attempts++) {
      try {
        return await settle(settlement);
      } catch (error) {
        // Alone, and still not ours: the process that has it now judges by what it finds.
        if (isAppError(error, 'conflict')) return;
        if (isInvalidValue(error) && settlement === original) {
          deps.log.error({ err: error, messageId: original.job.messageId }, 'what others said of a message can’t be kept');
          settlement = withoutVendorText(original);
          continue;
        }
        if (canDrop(original, error, attempts)) throw error;
        if (hasResponse(original)) unwritten.add(original);
        deps.log.warn({ err: error, messageId: original.job.messageId }, 'what came of a job could not be written yet');
        await sleep(deps.clock, isUnavailable(error) ? retryDelayMs : Math.min(retryDelayMs * attempts, maxRetryDelayMs));
      }
    }
  }

  return Object.assign((asked: Settlement) => settleWithRetry(asked).finally(() => unwritten.delete(asked)), {
    unwritten: () => [...unwritten].map(({ job }) => job.messageId),
  });
}

/** Returns whether a settlement says what a vendor or HighLevel has responded. Lost, it would be asked for again: sent or posted twice. */
function hasResponse({ attempt, report }: Settlement): boolean {
  return attempt !== undefined || report !== undefined;
}

function canDrop(settlement: Settlement, error: unknown, attempts: number): boolean {
  if (attempts >= maxAttempts && isDataError(error)) return true;
  if (hasResponse(settlement)) return false;
  return (attempts >= maxAttempts && !isUnavailable(error)) || settlement.job.signal.aborted;
}

/** A settlement without what others wrote: if that can't be stored, what has happened must be, or the message would be sent again and again. */
function withoutVendorText({
  report: _report,
  contactAddress: _contactAddress,
  attempt,
  change,
  ...others
}: Settlement): Settlement {
  const { code, message } = getReason('unstorable_response');
  return {
    ...others,
    ...(attempt ? { attempt: { ...attempt, outcome: { kind: attempt.outcome.kind, code, message } } } : {}),
    change: (current) => {
      const patch = change?.(current) ?? {};
      return patch.reasonCode && getReasonType(patch.reasonCode) === 'provider'
        ? { ...patch, reasonCode: code, reason: message }
        : patch;
    },
  };
}

/** A message's send and its report may end at once; each must see what the other has made of it, so they go one after the other. */
function splitByMessage(items: readonly Settlement[]): Settlement[][] {
  const rounds: Settlement[][] = [];
  const roundsByMessage = new Map<string, number>();
  for (const item of items) {
    const round = roundsByMessage.get(item.job.messageId) ?? 0;
    roundsByMessage.set(item.job.messageId, round + 1);
    rounds[round] ??= [];
    rounds[round].push(item);
  }
  return rounds;
}

function settleBatch(deps: SettleDeps, items: readonly Settlement[]): Promise<void> {
  const now = dateNow(deps.clock);
  return deps.db.transaction(async (tx) => {
    const ids = items.map(({ job }) => job.messageId);
    const externalIdMatches = items.flatMap(({ job, attempt }) => toExternalIdMatches(attempt, job.messageId));
    await lockExternalIds(tx, externalIdMatches);
    const earlyReceipts = await readEarlyReceipts(tx, externalIdMatches);
    // What comes before may touch yet another message, an echo: these go first. What is said of one recipient depends on the others.
    if (earlyReceipts.length > 0 || items.some(({ beforeWrite: before }) => before)) await lockMessages(tx, ids);
    const messageLevelReceipts = await filterMessageLevelReceipts(tx, earlyReceipts);
    const decided: Settlement[] = [];
    for (const item of items) decided.push({ ...item, ...(await item.beforeWrite?.(tx)) });

    const results = new Map<Job, JobResult>();
    const changes = new Map<string, MessageChange>(
      decided.map((item) => [
        item.job.messageId,
        toChange(item, externalIdMatches, messageLevelReceipts, now, (result) => results.set(item.job, result)),
      ]),
    );
    const { changed, reports } = await computeChanges(
      deps,
      tx,
      changes,
      items.map(({ job }) => job),
    );
    reports.push(...toRecipientReports(deps, earlyReceipts, changed, reports));
    // A message that is gone leaves a job that nobody needs, and nothing that could be said of it.
    const existing = items.filter(({ job }) => results.has(job));
    // Where what the attempt led to is void, its next one may be given the same id.
    const matchedReceipts = earlyReceipts.filter(({ messageId }) => changed.some(({ id }) => id === messageId));
    reports.push(...existing.flatMap(({ prerequisiteJob }) => prerequisiteJob ?? []));
    const jobResults = items.map(({ job }) => results.get(job) ?? { job, runAgainAt: null });
    await releasePosts(tx, jobResults, now);
    const [row] = await tx.$queryRawUnsafe<{ count: number }[]>(
      settleSql,
      now,
      JSON.stringify(changed),
      JSON.stringify(toAttemptRows(items)),
      JSON.stringify(toReportAttemptRows(deps.newId, existing)),
      JSON.stringify(toContactAddressRows(items)),
      JSON.stringify(finishRows(jobResults)),
      JSON.stringify(reports),
      JSON.stringify(toReceiptClaimRows(deps.newId, matchedReceipts)),
    );
    if (row?.count !== items.length) throw new AppError('conflict', 'A job was taken over while it was being settled.');
  });
}

/** What becomes of the fetching of attachments holds for the posting that waits for it: done, or later ones may pass. */
async function releasePosts(tx: Executor, results: readonly JobResult[], now: Date): Promise<void> {
  const fetches = results.filter(({ job }) => job.queue === 'fetch');
  const toMessageIds = (batch: readonly JobResult[]) => batch.map(({ job }) => job.messageId);
  const yielding = fetches.filter(({ releasesOrderingKey: leavesKey }) => leavesKey);
  if (yielding.length > 0) await releaseOrderingKeys(tx, 'highlevel', toMessageIds(yielding));
  const done = fetches.filter(({ runAgainAt: again }) => again === null);
  if (done.length > 0) await runNow(tx, 'highlevel', toMessageIds(done), now);
}

/** One round trip for all tables: the groups are small enough, and trips are what they would wait for. */
const settleSql = `
  WITH ${updateMessagesCte('$2', '$1')},
  ${finishAttemptsCte('$3', '$1')},
  ${insertReportAttemptsCte('$4', '$1')},
  ${upsertContactAddressesCte('$5', '$1')},
  ${finishJobsCte('$6')},
  ${insertJobsCte('$7')},
  ${claimReceiptsCte('$8', '$1')}
  SELECT ended_jobs.count FROM ended_jobs, notified`;

function toChange(
  item: Settlement,
  externalIdMatches: readonly ExternalIdMatch[],
  receipts: readonly EarlyReceipt[],
  now: Date,
  recordResult: (ended: JobResult) => void,
): MessageChange {
  const { job } = item;
  const isForJob = ({ messageId }: { messageId: string }) => messageId === job.messageId;
  const externalId = externalIdMatches.find(isForJob)?.externalId;
  const earlyReceipts = receipts.filter(isForJob);
  return (current) => {
    if (item.basedOn && item.basedOn.resentAt?.getTime() !== current.resentAt?.getTime()) {
      recordResult({ job, runAgainAt: now });
      return {};
    }
    const requested = { ...item.change?.(current), ...item.patch, ...(externalId ? { externalId } : {}) };
    const patch = { ...requested, ...applyReceipts({ ...current, ...requested }, earlyReceipts) };
    const runAgainAt =
      typeof item.runAgainAt === 'function' ? item.runAgainAt({ ...current, ...patch }) : (item.runAgainAt ?? null);
    const leavesKey = item.letsOthersPass === true && runAgainAt !== null;
    recordResult({ job, runAgainAt, releasesOrderingKey: leavesKey });
    return leavesKey ? { ...patch, outOfOrderAt: current.outOfOrderAt ?? now } : patch;
  };
}

function toExternalIdMatches(attempt: Settlement['attempt'], messageId: string): ExternalIdMatch[] {
  if (!attempt || !('externalId' in attempt.outcome) || !attempt.outcome.externalId) return [];
  return [{ messageId, connectionId: attempt.connectionId, externalId: fitId(attempt.outcome.externalId) }];
}

/** What early receipts say of single recipients is news too, even where the message as a whole stands as before. */
function toRecipientReports(
  deps: SettleDeps,
  earlyReceipts: readonly EarlyReceipt[],
  changed: readonly LockedMessage[],
  reports: readonly NewJob[],
): NewJob[] {
  const messageIds = new Set(earlyReceipts.flatMap(({ messageId, recipient }) => (recipient ? messageId : [])));
  const plannedIds = new Set(reports.map(({ messageId }) => messageId));
  return changed
    .filter(({ id, highlevelMessageId }) => messageIds.has(id) && !plannedIds.has(id) && highlevelMessageId)
    .map((message) => toRecipientsReportJob(deps, message));
}
