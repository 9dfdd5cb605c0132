import { toConnectionGroupKey } from '../../connections/queue-group.ts';
import { normalizeAddress } from '../../core/address.ts';
import { fitId, maxChars } from '../../core/bounds.ts';
import type { Clock } from '../../core/clock.ts';
import { dateNow } from '../../core/clock.ts';
import type { Database, Executor, Message } from '../../database/client.ts';
import { queryJsonRows } from '../../database/json-rows.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import type { Job, NewJob } from '../../queue/job.ts';
import { insertJobsCte } from '../../queue/sql/add-jobs.ts';
import { lockJobsCte, toLockRow } from '../../queue/sql/finish-jobs.ts';
import { runNow } from '../../queue/sql/reschedule-jobs.ts';
import { createLoader } from '../../runtime/batcher.ts';
import { getEarliestReportAt, type ReportDelay } from '../model/report-delay.ts';
import { advance, type MessageState } from '../model/state.ts';
import type { Reason } from '../outbound/next-step.ts';

export type { Message };

export interface StoreDeps {
  db: Database;
  clock: Clock;
  reportDelay: ReportDelay;
}

/** A message as those who work on it need it. */
export type WorkMessage = Pick<Message, (typeof workColumns)[number]>;

const workColumns = [
  'id',
  'direction',
  'locationId',
  'providerKey',
  'connectionId',
  'isTest',
  'highlevelMessageId',
  'externalId',
  'contactId',
  'conversationId',
  'messageType',
  'from',
  'to',
  'name',
  'text',
  'html',
  'subject',
  'attachments',
  'emailMessageId',
  'replyToExternalId',
  'sentExternally',
  'state',
  'reasonCode',
  'reason',
  'heldForReviewAt',
  'retryCount',
  'resentAt',
  'idempotencyResetAt',
  'reportedState',
  'reportRetryCount',
  'postStartedAt',
  'outOfOrderAt',
  'occurredAt',
  'createdAt',
] as const satisfies (keyof Message)[];

/** Messages by their ids, many in one statement. */
export function createMessageLoader(db: Database): (id: string) => Promise<WorkMessage | null> {
  const query = `SELECT ${toSelectList(workColumns)} FROM messages WHERE id = ANY ($1::uuid[])`;
  return createLoader(
    (id: string) => id,
    async (ids) => {
      const rows = await queryJsonRows<WorkMessage>(
        db.client,
        query,
        [ids],
        ['heldForReviewAt', 'resentAt', 'idempotencyResetAt', 'postStartedAt', 'outOfOrderAt', 'occurredAt', 'createdAt'],
      );
      // A list that was never set is null in SQL.
      return new Map(rows.map((row) => [row.id, { ...row, attachments: row.attachments ?? [] }]));
    },
  );
}

/** Sending a message. A contact's messages keep their order. */
export function toDeliverJob(
  message: Pick<Message, 'id' | 'locationId' | 'providerKey' | 'contactId' | 'to'>,
  dueAt: Date,
): NewJob {
  const { id, locationId, contactId, to } = message;
  return {
    queue: 'deliver',
    messageId: id,
    groupKey: toConnectionGroupKey(message),
    orderingKey: toOrderingKey(locationId, contactId ?? to ?? id),
    priority: 0,
    dueAt,
  };
}

/** Posting an inbound message. What an address sends keeps its order, and makes one contact, whichever channel it comes by. */
export function toPostJob(message: Pick<Message, 'id' | 'locationId' | 'sentExternally' | 'from' | 'to'>, dueAt: Date): NewJob {
  const { id, locationId } = message;
  const key = toOrderingKey(locationId, pickContactAddress(message) ?? id);
  return {
    queue: 'highlevel',
    messageId: id,
    groupKey: toHighLevelGroupKey(toLocationOwner(locationId)),
    orderingKey: key,
    priority: 0,
    dueAt,
  };
}

/** What keeps its order: a contact of a location, or an address. It fits an index entry, however many recipients an email has. */
function toOrderingKey(locationId: string, subject: string): string {
  return `${locationId}/${fitId(subject, maxChars.orderingKey)}`;
}

/** The contact's own address in an inbound message, in its one form also where an earlier version has stored it; never the location's. */
export function pickContactAddress(message: Pick<Message, 'sentExternally' | 'from' | 'to'>): string | null {
  const address = message.sentExternally ? message.to : message.from;
  return address === null ? null : normalizeAddress(address).address;
}

/** Failures go first, as staff can act on them; that a message was read is the least urgent. */
const reportPriority: Record<MessageState, number> = { failed: 0, pending: 1, delivered: 1, read: 2 };

/** Telling HighLevel what became of a message. */
export function toReportJob({ id, locationId, state }: Pick<Message, 'id' | 'locationId' | 'state'>, dueAt: Date): NewJob {
  return {
    queue: 'highlevel',
    messageId: id,
    groupKey: toHighLevelGroupKey(toLocationOwner(locationId)),
    orderingKey: id,
    priority: reportPriority[state],
    dueAt,
  };
}

/** What comes close together is told together. */
const coalesceWindowMs = 2_000;

function coalesce(clock: Clock, job: NewJob): NewJob {
  return { ...job, dueAt: new Date(Math.max(job.dueAt.getTime(), clock.now() + coalesceWindowMs)) };
}

/** Telling HighLevel what became of an email's recipients. */
export function toRecipientsReportJob(
  { clock, reportDelay }: Pick<StoreDeps, 'clock' | 'reportDelay'>,
  { id, locationId, createdAt }: Pick<Message, 'id' | 'locationId' | 'createdAt'>,
): NewJob {
  const dueAt = getEarliestReportAt({ clock, reportDelay }, createdAt);
  const lane = toHighLevelGroupKey(toLocationOwner(locationId));
  return coalesce(clock, { queue: 'highlevel', messageId: id, groupKey: lane, orderingKey: id, priority: 1, dueAt });
}

/** The columns that change while a message makes its way, and their SQL types. */
const mutableColumns = {
  state: 'message_state',
  reasonCode: 'text',
  reason: 'text',
  heldForReviewAt: 'timestamptz',
  nextAttemptAt: 'timestamptz',
  retryCount: 'int',
  reportedState: 'message_state',
  reportRetryCount: 'int',
  postStartedAt: 'timestamptz',
  outOfOrderAt: 'timestamptz',
  connectionId: 'uuid',
  externalId: 'text',
  contactId: 'text',
  conversationId: 'text',
  emailMessageId: 'text',
  highlevelMessageId: 'text',
} as const satisfies Partial<Record<keyof Message, string>>;

const lockedColumns = ['id', 'direction', 'locationId', 'resentAt', 'createdAt'] as const satisfies (keyof Message)[];

/** A message as it is while its row is locked. */
export type LockedMessage = Pick<Message, keyof typeof mutableColumns | (typeof lockedColumns)[number]>;

export type MessagePatch = Partial<Pick<Message, keyof typeof mutableColumns>>;

/** Says what becomes of a message, from what it is now. Nothing for no change. */
export type MessageChange = (current: LockedMessage) => MessagePatch;

const columnNames = Object.keys(mutableColumns) as (keyof typeof mutableColumns)[];

/** Everybody locks messages in the order of their ids, and only then their jobs: whoever has a message need wait for none of its jobs. */
const lockSql = `
  WITH locked AS MATERIALIZED (
    SELECT ${toSelectList([...lockedColumns, ...columnNames])}
    FROM messages WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE),
  ${lockJobsCte('$2', 'locked')}
  SELECT locked.* FROM locked CROSS JOIN (SELECT count(*) FROM held) AS held`;

/** Locks messages until the transaction ends, where something must be looked at before it is decided what becomes of them. */
export async function lockMessages(tx: Executor, ids: readonly string[]): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM messages WHERE id = ANY (${[...ids]}::uuid[]) ORDER BY id FOR UPDATE`;
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function toSelectList(properties: readonly string[]): string {
  return properties.map((name) => `"${toSnakeCase(name)}" AS "${name}"`).join(', ');
}

/** SQL that writes what was changed: a part of a WITH. @param rows the changed messages as JSON. @param now a parameter */
export function updateMessagesCte(rows: string, now: string): string {
  return `written AS (
    UPDATE messages SET updated_at = ${now}::timestamptz,
      delivered_at = COALESCE(messages.delivered_at, CASE WHEN c."state" IN ('delivered', 'read') THEN ${now}::timestamptz END),
      ${columnNames.map((name) => `${toSnakeCase(name)} = c."${name}"`).join(', ')}
    FROM json_to_recordset(${rows}::json) AS c (id uuid, ${Object.entries(mutableColumns)
      .map(([name, type]) => `"${name}" ${type}`)
      .join(', ')})
    WHERE messages.id = c.id)`;
}

/**
 * Locks messages, always in the same order, and says what becomes of each, from what it is then, and what HighLevel must be told.
 *
 * @param finishedJobs their jobs that the same transaction will end
 * @returns `cancelledRetries`: those of which a next attempt was planned that need not be made
 */
export async function computeChanges(
  deps: Pick<StoreDeps, 'clock' | 'reportDelay'>,
  tx: Executor,
  changes: ReadonlyMap<string, MessageChange>,
  finishedJobs: readonly Job[] = [],
): Promise<{ changed: LockedMessage[]; reports: NewJob[]; cancelledRetries: string[] }> {
  const times = ['createdAt', 'resentAt', 'heldForReviewAt', 'nextAttemptAt', 'postStartedAt', 'outOfOrderAt'] as const;
  const rows = await queryJsonRows<LockedMessage>(
    tx,
    lockSql,
    [[...changes.keys()], JSON.stringify(finishedJobs.map(toLockRow))],
    times,
  );
  const changed: LockedMessage[] = [];
  const reports: NewJob[] = [];
  const over: string[] = [];
  for (const before of rows) {
    const patch = (changes.get(before.id) as MessageChange)(before);
    if (Object.keys(patch).length === 0) continue;
    const after = { ...before, ...patch };
    changed.push(after);
    if (before.nextAttemptAt && (after.state !== 'pending' || after.heldForReviewAt)) over.push(after.id);
    if (after.state !== before.state && after.highlevelMessageId && after.direction === 'outbound') {
      reports.push(toReportJob(after, getEarliestReportAt(deps, after.createdAt)));
    }
  }
  return { changed, reports, cancelledRetries: over };
}

/**
 * Changes messages that are on their way, and enqueues the reports of what HighLevel does not know yet, in the caller's transaction.
 *
 * @param expectMore messages of which more is likely to come at once, so that their reports wait for it
 */
export async function updateMessages(
  deps: StoreDeps,
  tx: Executor,
  changes: ReadonlyMap<string, MessageChange>,
  expectMore: ReadonlySet<string | null> = new Set(),
): Promise<void> {
  if (changes.size === 0) return;
  const { changed, reports, cancelledRetries } = await computeChanges(deps, tx, changes);
  if (changed.length === 0) return;
  // Their jobs would hold back their contacts' next messages until that attempt was due.
  if (cancelledRetries.length > 0) await runNow(tx, 'deliver', cancelledRetries, dateNow(deps.clock));
  await tx.$queryRawUnsafe(
    `WITH ${updateMessagesCte('$1', '$2')}, ${insertJobsCte('$3')} SELECT * FROM notified`,
    JSON.stringify(changed),
    dateNow(deps.clock),
    JSON.stringify(reports.map((job) => (expectMore.has(job.messageId) ? coalesce(deps.clock, job) : job))),
  );
}

/**
 * What a state means for a message: a change, unless it would be a step back.
 *
 * @param reason needed for `failed`; what a message waited for is forgotten otherwise
 */
export function transitionTo(current: Pick<LockedMessage, 'state'>, target: MessageState, reason?: Reason): MessagePatch {
  const state = advance(current.state, target);
  if (state === current.state) return {};
  return {
    state,
    reasonCode: reason?.code ?? null,
    reason: reason?.message ?? null,
    heldForReviewAt: null,
    nextAttemptAt: null,
    reportRetryCount: 0,
  };
}

/** What a message waits for now; nothing, where something has come of it meanwhile. */
export function keepPending(current: LockedMessage, reason: Reason, fields: MessagePatch): MessagePatch {
  return current.state === 'pending' ? { ...fields, reasonCode: reason.code, reason: reason.message } : {};
}

/** Serialises what concerns ids of far sides, so that a receipt and the answer that names its message can't miss each other. */
export async function lockExternalIds(
  tx: Executor,
  ids: readonly { connectionId: string; externalId: string }[],
): Promise<void> {
  if (ids.length === 0) return;
  const keys = [...new Set(ids.map(({ connectionId, externalId }) => `${connectionId}/${externalId}`))].sort();
  await tx.$executeRaw`
    SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(${keys}::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n`;
}
