import type { SendOutcome } from '../channels/channel.ts';
import { fitId } from '../core/bounds.ts';
import { dateNow, sleep } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Executor } from '../database/client.ts';
import { isDataError, isInvalidValue, isUnavailable } from '../database/errors.ts';
import {
  finishJobsCte,
  finishRows,
  insertJobsCte,
  type Job,
  type JobResult,
  type NewJob,
  releaseOrderingKeys,
  runNow,
} from '../queue/job.ts';
import { createBatcher } from '../runtime/batcher.ts';
import type { Log } from '../runtime/log.ts';
import { endedAttempts, endingAttempts } from './attempts.ts';
import { type Identity, learningIdentities, learntRows } from './identities.ts';
import { reason, reasonType } from './reasons.ts';
import { claimingReceipts, claimRows, type EarlyReceipt, type Learnt, readEarlyReceipts } from './receipt-rows.ts';
import { ofTheWhole } from './recipients.ts';
import { receiptsApplied } from './record-receipt.ts';
import { recordingReports, type Tried, triedRows } from './record-report.ts';
import {
  type Change,
  type Current,
  decideChanges,
  lockExternalIds,
  lockMessages,
  type Message,
  type Patch,
  recipientsReportJob,
  type StoreDeps,
  writingMessages,
} from './store.ts';

/** What a job leads to: all of it is written with the end of the job, or none of it. */
export interface Settlement {
  readonly job: Job;
  /** The message as it was when the job began. A person may have had it sent again since: then the job runs again, and what it led to is not of that. */
  readonly of?: Pick<Message, 'resentAt'>;
  /** From what the message is now; a receipt may have moved it while it was being sent. */
  readonly change?: (current: Current) => Patch;
  /** When the job runs again; null when it is done. */
  readonly again?: Date | null | ((current: Current) => Date | null);
  /** Where the job runs again: later jobs of its ordering key go ahead of it. The message notes it in `passedAt`. */
  readonly letsOthersPass?: boolean;
  /** A job that must be done first. */
  readonly first?: NewJob;
  /** How an attempt ended. */
  readonly attempt?: { readonly id: string; readonly connectionId: string; readonly outcome: SendOutcome };
  /** One try to tell HighLevel something. */
  readonly tried?: Tried;
  /** Whose address this is. */
  readonly identity?: Identity | null;
  /** More that must happen in the same transaction, before the message changes; the message is locked. */
  readonly before?: (tx: Executor) => Promise<void>;
}

export type Settle = (settlement: Settlement) => Promise<void>;

export interface SettleDeps extends StoreDeps {
  newId: NewId;
  log: Log;
}

const groupAtMost = 100;
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
export function settler(deps: SettleDeps): Settler {
  const settle = createBatcher<Settlement, void>({
    maxBatchSize: groupAtMost,
    run: async (items) => {
      for (const some of oncePerMessage(items)) await settleTogether(deps, some);
      return items.map(() => undefined);
    },
    isItemError: (error) => isDataError(error) || isAppError(error, 'conflict'),
  });
  const unwritten = new Set<Settlement>();

  async function settleAtLast(asked: Settlement): Promise<void> {
    let settlement = asked;
    for (let attempts = 1; ; attempts++) {
      try {
        return await settle(settlement);
      } catch (error) {
        // Alone, and still not ours: the process that has it now judges by what it finds.
        if (isAppError(error, 'conflict')) return;
        if (isInvalidValue(error) && settlement === asked) {
          deps.log.error({ err: error, messageId: asked.job.messageId }, 'what others said of a message can’t be kept');
          settlement = inOurWords(asked);
          continue;
        }
        if (mayGiveUp(asked, error, attempts)) throw error;
        if (holdsResponse(asked)) unwritten.add(asked);
        deps.log.warn({ err: error, messageId: asked.job.messageId }, 'what came of a job could not be written yet');
        await sleep(deps.clock, isUnavailable(error) ? retryDelayMs : Math.min(retryDelayMs * attempts, maxRetryDelayMs));
      }
    }
  }

  return Object.assign((asked: Settlement) => settleAtLast(asked).finally(() => unwritten.delete(asked)), {
    unwritten: () => [...unwritten].map(({ job }) => job.messageId),
  });
}

/** Returns whether a settlement says what a vendor or HighLevel has responded. Lost, it would be asked for again: sent or posted twice. */
function holdsResponse({ attempt, tried }: Settlement): boolean {
  return attempt !== undefined || tried !== undefined;
}

function mayGiveUp(asked: Settlement, error: unknown, attempts: number): boolean {
  if (attempts >= maxAttempts && isDataError(error)) return true;
  if (holdsResponse(asked)) return false;
  return (attempts >= maxAttempts && !isUnavailable(error)) || asked.job.signal.aborted;
}

/** A settlement without what others wrote: if that can't be stored, what has happened must be, or the message would be sent again and again. */
function inOurWords({ tried: _tried, identity: _identity, attempt, change, ...rest }: Settlement): Settlement {
  const { code, message } = reason('unreadable_answer');
  return {
    ...rest,
    ...(attempt ? { attempt: { ...attempt, outcome: { kind: attempt.outcome.kind, code, message } } } : {}),
    change: (current) => {
      const patch = change?.(current) ?? {};
      return patch.reasonCode && reasonType(patch.reasonCode) === 'provider'
        ? { ...patch, reasonCode: code, reason: message }
        : patch;
    },
  };
}

/** A message's send and its report may end at once; each must see what the other has made of it, so they go one after the other. */
function oncePerMessage(items: readonly Settlement[]): Settlement[][] {
  const rounds: Settlement[][] = [];
  const seen = new Map<string, number>();
  for (const item of items) {
    const round = seen.get(item.job.messageId) ?? 0;
    seen.set(item.job.messageId, round + 1);
    rounds[round] ??= [];
    rounds[round].push(item);
  }
  return rounds;
}

function settleTogether(deps: SettleDeps, items: readonly Settlement[]): Promise<void> {
  const now = dateNow(deps.clock);
  return deps.db.transaction(async (tx) => {
    const ids = items.map(({ job }) => job.messageId);
    const learnt = items.flatMap(({ job, attempt }) => externalIdOf(attempt, job.messageId));
    await lockExternalIds(tx, learnt);
    const early = await readEarlyReceipts(tx, learnt);
    // What comes before may touch yet another message, an echo: these go first. What is said of one recipient depends on the others.
    if (early.length > 0 || items.some(({ before }) => before)) await lockMessages(tx, ids);
    const receipts = await ofTheWhole(tx, early);
    for (const { before } of items) await before?.(tx);

    const ended = new Map<Job, JobResult>();
    const changes = new Map<string, Change>(
      items.map((item) => [item.job.messageId, changeOf(item, learnt, receipts, now, (end) => ended.set(item.job, end))]),
    );
    const { changed, reports } = await decideChanges(
      deps,
      tx,
      changes,
      items.map(({ job }) => job),
    );
    reports.push(...ofRecipients(deps, early, changed, reports));
    // A message that is gone leaves a job that nobody needs, and nothing that could be said of it.
    const there = items.filter(({ job }) => ended.has(job));
    // Where what the attempt led to is void, its next one may be given the same id.
    const named = early.filter(({ messageId }) => changed.some(({ id }) => id === messageId));
    reports.push(...there.flatMap(({ first }) => first ?? []));
    const ends = items.map(({ job }) => ended.get(job) ?? { job, runAgainAt: null });
    await passOnToPosts(tx, ends, now);
    const [row] = await tx.$queryRawUnsafe<{ count: number }[]>(
      settleSql,
      now,
      JSON.stringify(changed),
      JSON.stringify(endedAttempts(items)),
      JSON.stringify(triedRows(deps.newId, there)),
      JSON.stringify(learntRows(items)),
      JSON.stringify(finishRows(ends)),
      JSON.stringify(reports),
      JSON.stringify(claimRows(deps.newId, named)),
    );
    if (row?.count !== items.length) throw new AppError('conflict', 'A job was taken over while it was being settled.');
  });
}

/** What becomes of the fetching of attachments holds for the posting that waits for it: done, or later ones may pass. */
async function passOnToPosts(tx: Executor, ends: readonly JobResult[], now: Date): Promise<void> {
  const fetches = ends.filter(({ job }) => job.queue === 'fetch');
  const idsOf = (some: readonly JobResult[]) => some.map(({ job }) => job.messageId);
  const passed = fetches.filter(({ releasesOrderingKey: leavesKey }) => leavesKey);
  if (passed.length > 0) await releaseOrderingKeys(tx, 'tell', idsOf(passed));
  const done = fetches.filter(({ runAgainAt: again }) => again === null);
  if (done.length > 0) await runNow(tx, 'tell', idsOf(done), now);
}

/** One round trip for all tables: the groups are small enough, and trips are what they would wait for. */
const settleSql = `
  WITH ${writingMessages('$2', '$1')},
  ${endingAttempts('$3', '$1')},
  ${recordingReports('$4', '$1')},
  ${learningIdentities('$5', '$1')},
  ${finishJobsCte('$6')},
  ${insertJobsCte('$7')},
  ${claimingReceipts('$8', '$1')}
  SELECT ended_jobs.count FROM ended_jobs, notified`;

function changeOf(
  item: Settlement,
  learnt: readonly Learnt[],
  receipts: readonly EarlyReceipt[],
  now: Date,
  onEnd: (ended: JobResult) => void,
): Change {
  const { job } = item;
  const isIts = ({ messageId }: { messageId: string }) => messageId === job.messageId;
  const externalId = learnt.find(isIts)?.externalId;
  const early = receipts.filter(isIts);
  return (current) => {
    if (item.of && item.of.resentAt?.getTime() !== current.resentAt?.getTime()) {
      onEnd({ job, runAgainAt: now });
      return {};
    }
    const asked = { ...item.change?.(current), ...(externalId ? { externalId } : {}) };
    const patch = { ...asked, ...receiptsApplied({ ...current, ...asked }, early) };
    const again = typeof item.again === 'function' ? item.again({ ...current, ...patch }) : (item.again ?? null);
    const leavesKey = item.letsOthersPass === true && again !== null;
    onEnd({ job, runAgainAt: again, releasesOrderingKey: leavesKey });
    return leavesKey ? { ...patch, passedAt: current.passedAt ?? now } : patch;
  };
}

function externalIdOf(attempt: Settlement['attempt'], messageId: string): Learnt[] {
  if (!attempt || !('externalId' in attempt.outcome) || !attempt.outcome.externalId) return [];
  return [{ messageId, connectionId: attempt.connectionId, externalId: fitId(attempt.outcome.externalId) }];
}

/** What early receipts say of single recipients is news too, even where the message as a whole stands as before. */
function ofRecipients(
  deps: SettleDeps,
  early: readonly EarlyReceipt[],
  changed: readonly Current[],
  reports: readonly NewJob[],
): NewJob[] {
  const named = new Set(early.flatMap(({ messageId, recipient }) => (recipient ? messageId : [])));
  const planned = new Set(reports.map(({ messageId }) => messageId));
  return changed
    .filter(({ id, highlevelMessageId }) => named.has(id) && !planned.has(id) && highlevelMessageId)
    .map((message) => recipientsReportJob(deps, message));
}
