import { toMailKey } from '../../core/address.ts';
import { fitId, maxChars } from '../../core/bounds.ts';
import type { JobResult } from '../../queue/sql/finish-jobs.ts';
import { applyReceipts } from '../model/apply-receipts.ts';
import { type ReportJobDeps, toRecipientsReportJob } from '../model/message-jobs.ts';
import { type MessageLevelReceipt, recipientNotes } from '../model/recipients.ts';
import type { LockedMessage, MessagePatch } from '../model/transitions.ts';
import type { EarlyReceipt, ExternalIdMatch } from './receipt-rows.ts';
import type { AttemptRow, QuietPeriodRow, RecipientRow, ReportAttemptRow, SettlementRows } from './settle-sql.ts';
import type { ContactAddress, Settlement } from './settlement.ts';
import { computeChanges } from './update-messages.ts';

/** Ids that the vendors of a batch have given, and the receipts that came before those. */
export interface MatchedReceipts {
  readonly externalIds: readonly ExternalIdMatch[];
  /** All of them; they are stored as their messages'. */
  readonly early: readonly EarlyReceipt[];
  /** Those that change the state of their whole message. */
  readonly messageLevel: readonly MessageLevelReceipt[];
}

/**
 * Decides what a batch of settlements writes. Pure: rows, receipts and time come in, rows come out.
 *
 * @param items no two of one message
 * @param locked their messages; one that is missing is deleted, and leaves only a job to finish
 */
export function decide(
  deps: ReportJobDeps & { now: Date },
  items: readonly Settlement[],
  locked: readonly LockedMessage[],
  receipts: MatchedReceipts,
): SettlementRows {
  const messages = new Map(locked.map((message) => [message.id, message]));
  const decisions = items.map((item) => {
    const current = messages.get(item.job.messageId);
    return { item, current, ...(current ? decideItem(item, current, receipts, deps.now) : finish(item)) };
  });
  const patches = new Map(decisions.map(({ item, patch }) => [item.job.messageId, patch]));
  const { changed, reports } = computeChanges(deps, locked, patches);
  const existing = decisions.flatMap(({ item, current }) => (current ? item : []));
  const changedIds = new Set(changed.map(({ id }) => id));
  return {
    changed,
    attempts: toAttemptRows(items),
    reportAttempts: toReportAttemptRows(existing),
    contactAddresses: toContactAddressRows(items),
    // An id of a result that is void, as a person has had the message resent, is of an earlier send.
    externalIds: receipts.externalIds.filter(({ messageId }) => changedIds.has(messageId)),
    recipients: existing.flatMap(toRecipientRows),
    quietPeriods: existing.flatMap((item) => listBegunPeriods(item, deps.now)),
    jobResults: decisions.map(({ result }) => result),
    newJobs: [
      ...reports,
      ...toRecipientReports(deps, receipts.early, changed, new Set(reports.map(({ messageId }) => messageId))),
      ...decisions.flatMap(({ item, current }) =>
        current?.highlevelMessageId && toRecipientRows(item).some(({ state }) => state !== 'pending')
          ? toRecipientsReportJob(deps, current)
          : [],
      ),
      ...existing.flatMap(({ prerequisiteJob }) => prerequisiteJob ?? []),
    ],
    // Where the attempt's result is void, the vendor may give its next attempt the same id.
    matchedReceipts: receipts.early.filter(({ messageId }) => changedIds.has(messageId)),
  };
}

interface ItemDecision {
  readonly patch: MessagePatch;
  readonly result: JobResult;
}

function finish({ job }: Settlement): ItemDecision {
  return { patch: {}, result: { job, runAgainAt: null } };
}

function decideItem(
  { job, basedOn, change, patch: fields, runAgainAt, letsOthersPass, groupKey }: Settlement,
  current: LockedMessage,
  receipts: MatchedReceipts,
  now: Date,
): ItemDecision {
  if (basedOn && basedOn.resentAt?.getTime() !== current.resentAt?.getTime()) {
    return { patch: {}, result: { job, runAgainAt: now } };
  }
  const isForJob = ({ messageId }: { messageId: string | null }) => messageId === job.messageId;
  const externalId = receipts.externalIds.find(isForJob)?.externalId;
  const requested = { ...change?.(current), ...fields, ...(externalId ? { externalId } : {}) };
  const patch = { ...requested, ...applyReceipts({ ...current, ...requested }, receipts.messageLevel.filter(isForJob)) };
  const at = (typeof runAgainAt === 'function' ? runAgainAt({ ...current, ...patch }) : runAgainAt) ?? null;
  const releasesOrderingKey = letsOthersPass === true && at !== null;
  return {
    patch: releasesOrderingKey ? { ...patch, outOfOrderAt: current.outOfOrderAt ?? now } : patch,
    result: { job, runAgainAt: at, releasesOrderingKey, groupKey },
  };
}

/** Reports early receipts of single recipients, which HighLevel needs even where the state of the whole message is unchanged. */
function toRecipientReports(
  deps: ReportJobDeps,
  early: readonly EarlyReceipt[],
  changed: readonly LockedMessage[],
  plannedIds: ReadonlySet<string>,
) {
  const messageIds = new Set(early.flatMap(({ messageId, recipient }) => (recipient ? messageId : [])));
  return changed
    .filter(({ id, highlevelMessageId }) => messageIds.has(id) && !plannedIds.has(id) && highlevelMessageId)
    .map((message) => toRecipientsReportJob(deps, message));
}

function toAttemptRows(items: readonly Settlement[]): AttemptRow[] {
  return items.flatMap(({ attempt }) => {
    if (!attempt) return [];
    const { id, outcome } = attempt;
    const failure = 'externalIds' in outcome ? null : outcome;
    return { id, outcome: outcome.kind, code: failure?.code, reason: failure?.message, response: outcome.response };
  });
}

/** Lists what an attempt says of single recipients of an email: refused, or reached, which is a delivery where no receipts follow. */
export function toRecipientRows({ job, attempt }: Settlement): RecipientRow[] {
  if (!attempt) return [];
  const { connectionId, outcome, email } = attempt;
  const { reachedRecipients = [], response = null } = outcome;
  const rejectedRecipients = email?.rejectedRecipients ?? outcome.rejectedRecipients ?? [];
  const ids = { messageId: job.messageId, connectionId };
  return [
    ...rejectedRecipients.map(({ address, code, message }) => ({
      ...{ ...ids, state: 'failed' as const, recipient: address, code, reason: message },
    })),
    ...reachedRecipients.map((recipient) => ({
      ...{ ...ids, state: email?.hasReceipts ? ('pending' as const) : ('delivered' as const), recipient },
      ...{ code: recipientNotes.accepted, reason: response },
    })),
  ];
}

/** Lists the quiet periods that begin with an attempt: of each recipient that it has reached, or of the whole email. */
function listBegunPeriods({ job, attempt }: Settlement, now: Date): QuietPeriodRow[] {
  if (attempt?.email?.quietPeriodMs === undefined) return [];
  const { connectionId, outcome } = attempt;
  const recipients = outcome.reachedRecipients ?? (outcome.kind === 'accepted' ? [''] : []);
  return toQuietPeriodRows({ messageId: job.messageId, connectionId, recipients, periodMs: attempt.email.quietPeriodMs }, now);
}

/** Builds the rows of quiet periods that begin now. @param recipients empty text for the only one of an email */
export function toQuietPeriodRows(
  { recipients, ...period }: Omit<QuietPeriodRow, 'recipient' | 'endsAt'> & { recipients: readonly string[] },
  now: Date,
): QuietPeriodRow[] {
  const endsAt = new Date(now.getTime() + period.periodMs);
  return recipients.map((recipient) => ({
    ...period,
    recipient: fitId(toMailKey(recipient), maxChars.address),
    endsAt,
  }));
}

function toReportAttemptRows(items: readonly Settlement[]): ReportAttemptRow[] {
  return items.flatMap(({ job, report }) => {
    if (!report) return [];
    const { state, response, error } = report;
    return {
      messageId: job.messageId,
      state,
      accepted: error === null,
      httpStatus: response?.status ?? null,
      traceId: response?.traceId ?? null,
      response: error ? [error.message, ...error.details].join(' ') : null,
    };
  });
}

/** Lists each address once, sorted: concurrent upserts of the same addresses then lock rows in the same order and cannot deadlock. */
function toContactAddressRows(items: readonly Settlement[]): ContactAddress[] {
  const newest = new Map(
    items.flatMap(({ contactAddress }) =>
      contactAddress ? [[`${contactAddress.locationId}/${contactAddress.address}`, contactAddress]] : [],
    ),
  );
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
}
