import { normalizeAddress } from '../core/address.ts';
import { fitId, maxChars } from '../core/bounds.ts';
import type { Clock } from '../core/clock.ts';
import { dateNow } from '../core/clock.ts';
import type { Database, Executor, Message } from '../database/client.ts';
import { queryJsonRows } from '../database/json-rows.ts';
import { location } from '../highlevel/client.ts';
import { insertJobsCte, type Job, lockJobsCte, lockRow, type NewJob, runNow } from '../queue/job.ts';
import { rateLimitKey } from '../queue/rate-limits.ts';
import { createLoader } from '../runtime/batcher.ts';
import { type KnownAfter, knownAt } from './known-after.ts';
import type { Reason } from './next-step.ts';
import { advance, type MessageState } from './state.ts';

export type { Message };

export interface StoreDeps {
  db: Database;
  clock: Clock;
  knownAfter: KnownAfter;
}

/** A message as those who work on it need it. */
export type MessageInHand = Pick<Message, (typeof needed)[number]>;

const needed = [
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
  'medium',
  'from',
  'to',
  'name',
  'text',
  'html',
  'subject',
  'attachments',
  'emailMessageId',
  'replyToExternalId',
  'sentElsewhere',
  'state',
  'reasonCode',
  'reason',
  'unknownSince',
  'retryCount',
  'resentAt',
  'sendingSince',
  'reportedState',
  'reportTries',
  'postingSince',
  'passedAt',
  'occurredAt',
  'createdAt',
] as const satisfies (keyof Message)[];

/** Messages by their ids, many in one statement. */
export function messageReader(db: Database): (id: string) => Promise<MessageInHand | null> {
  const query = `SELECT ${columnsOf(needed)} FROM messages WHERE id = ANY ($1::uuid[])`;
  return createLoader(
    (id: string) => id,
    async (ids) => {
      const rows = await queryJsonRows<MessageInHand>(
        db.client,
        query,
        [ids],
        ['unknownSince', 'resentAt', 'sendingSince', 'postingSince', 'passedAt', 'occurredAt', 'createdAt'],
      );
      // A list that was never set is null in SQL.
      return new Map(rows.map((row) => [row.id, { ...row, attachments: row.attachments ?? [] }]));
    },
  );
}

/** Sending a message. A contact's messages keep their order. */
export function deliverJob(
  message: Pick<Message, 'id' | 'locationId' | 'providerKey' | 'contactId' | 'to'>,
  dueAt: Date,
): NewJob {
  const { id, locationId, contactId, to } = message;
  return {
    queue: 'deliver',
    messageId: id,
    groupKey: rateLimitKey.connection(message),
    orderingKey: orderingKey(locationId, contactId ?? to ?? id),
    priority: 0,
    dueAt,
  };
}

/** Posting an inbound message. What an address sends keeps its order, and makes one contact, whichever channel it comes by. */
export function postJob(message: Pick<Message, 'id' | 'locationId' | 'sentElsewhere' | 'from' | 'to'>, dueAt: Date): NewJob {
  const { id, locationId } = message;
  const key = orderingKey(locationId, contactAddressOf(message) ?? id);
  return {
    queue: 'tell',
    messageId: id,
    groupKey: rateLimitKey.highLevel(location(locationId)),
    orderingKey: key,
    priority: 0,
    dueAt,
  };
}

/** What keeps its order: a contact of a location, or an address. It fits an index entry, however many recipients an email has. */
function orderingKey(locationId: string, of: string): string {
  return `${locationId}/${fitId(of, maxChars.orderingKey)}`;
}

/** The contact's own address in an inbound message, in its one form also where an earlier version has stored it; never the location's. */
export function contactAddressOf(message: Pick<Message, 'sentElsewhere' | 'from' | 'to'>): string | null {
  const said = message.sentElsewhere ? message.to : message.from;
  return said === null ? null : normalizeAddress(said).address;
}

/** Failures go first, as staff can act on them; that a message was read is the least urgent. */
const ranks: Record<MessageState, number> = { failed: 0, pending: 1, delivered: 1, read: 2 };

/** Telling HighLevel what became of a message. */
export function reportJob({ id, locationId, state }: Pick<Message, 'id' | 'locationId' | 'state'>, dueAt: Date): NewJob {
  return {
    queue: 'tell',
    messageId: id,
    groupKey: rateLimitKey.highLevel(location(locationId)),
    orderingKey: id,
    priority: ranks[state],
    dueAt,
  };
}

/** What comes close together is told together. */
const togetherMs = 2_000;

function together(clock: Clock, job: NewJob): NewJob {
  return { ...job, dueAt: new Date(Math.max(job.dueAt.getTime(), clock.now() + togetherMs)) };
}

/** Telling HighLevel what became of an email's recipients. */
export function recipientsReportJob(
  { clock, knownAfter }: Pick<StoreDeps, 'clock' | 'knownAfter'>,
  { id, locationId, createdAt }: Pick<Message, 'id' | 'locationId' | 'createdAt'>,
): NewJob {
  const dueAt = knownAt({ clock, knownAfter }, createdAt);
  const lane = rateLimitKey.highLevel(location(locationId));
  return together(clock, { queue: 'tell', messageId: id, groupKey: lane, orderingKey: id, priority: 1, dueAt });
}

/** The columns that change while a message makes its way, and their SQL types. */
const changing = {
  state: 'message_state',
  reasonCode: 'text',
  reason: 'text',
  unknownSince: 'timestamptz',
  nextAttemptAt: 'timestamptz',
  retryCount: 'int',
  reportedState: 'message_state',
  reportTries: 'int',
  postingSince: 'timestamptz',
  passedAt: 'timestamptz',
  connectionId: 'uuid',
  externalId: 'text',
  contactId: 'text',
  conversationId: 'text',
  emailMessageId: 'text',
  highlevelMessageId: 'text',
} as const satisfies Partial<Record<keyof Message, string>>;

const standing = ['id', 'direction', 'locationId', 'resentAt', 'createdAt'] as const satisfies (keyof Message)[];

/** A message as it is while its row is locked. */
export type Current = Pick<Message, keyof typeof changing | (typeof standing)[number]>;

export type Patch = Partial<Pick<Message, keyof typeof changing>>;

/** Says what becomes of a message, from what it is now. Nothing for no change. */
export type Change = (current: Current) => Patch;

const names = Object.keys(changing) as (keyof typeof changing)[];

/** Everybody locks messages in the order of their ids, and only then their jobs: whoever has a message need wait for none of its jobs. */
const lockSql = `
  WITH locked AS MATERIALIZED (
    SELECT ${columnsOf([...standing, ...names])}
    FROM messages WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE),
  ${lockJobsCte('$2', 'locked')}
  SELECT locked.* FROM locked CROSS JOIN (SELECT count(*) FROM held) AS held`;

/** Locks messages until the transaction ends, where something must be looked at before it is decided what becomes of them. */
export async function lockMessages(tx: Executor, ids: readonly string[]): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM messages WHERE id = ANY (${[...ids]}::uuid[]) ORDER BY id FOR UPDATE`;
}

function inSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function columnsOf(properties: readonly string[]): string {
  return properties.map((name) => `"${inSnakeCase(name)}" AS "${name}"`).join(', ');
}

/** SQL that writes what was changed: a part of a WITH. @param rows the changed messages as JSON. @param now a parameter */
export function writingMessages(rows: string, now: string): string {
  return `written AS (
    UPDATE messages SET updated_at = ${now}::timestamptz,
      delivered_at = COALESCE(messages.delivered_at, CASE WHEN c."state" IN ('delivered', 'read') THEN ${now}::timestamptz END),
      ${names.map((name) => `${inSnakeCase(name)} = c."${name}"`).join(', ')}
    FROM json_to_recordset(${rows}::json) AS c (id uuid, ${Object.entries(changing)
      .map(([name, type]) => `"${name}" ${type}`)
      .join(', ')})
    WHERE messages.id = c.id)`;
}

/**
 * Locks messages, always in the same order, and says what becomes of each, from what it is then, and what HighLevel must be told.
 *
 * @param ending their jobs that the same transaction will end
 * @returns `over`: those of which a next attempt was planned that need not be made
 */
export async function decideChanges(
  deps: Pick<StoreDeps, 'clock' | 'knownAfter'>,
  tx: Executor,
  changes: ReadonlyMap<string, Change>,
  ending: readonly Job[] = [],
): Promise<{ changed: Current[]; reports: NewJob[]; over: string[] }> {
  const times = ['createdAt', 'resentAt', 'unknownSince', 'nextAttemptAt', 'postingSince', 'passedAt'] as const;
  const rows = await queryJsonRows<Current>(tx, lockSql, [[...changes.keys()], JSON.stringify(ending.map(lockRow))], times);
  const changed: Current[] = [];
  const reports: NewJob[] = [];
  const over: string[] = [];
  for (const before of rows) {
    const patch = (changes.get(before.id) as Change)(before);
    if (Object.keys(patch).length === 0) continue;
    const after = { ...before, ...patch };
    changed.push(after);
    if (before.nextAttemptAt && (after.state !== 'pending' || after.unknownSince)) over.push(after.id);
    if (after.state !== before.state && after.highlevelMessageId && after.direction === 'outbound') {
      reports.push(reportJob(after, knownAt(deps, after.createdAt)));
    }
  }
  return { changed, reports, over };
}

/**
 * Changes messages that are on their way, and enqueues the reports of what HighLevel does not know yet, in the caller's transaction.
 *
 * @param expectMore messages of which more is likely to come at once, so that their reports wait for it
 */
export async function changeMessages(
  deps: StoreDeps,
  tx: Executor,
  changes: ReadonlyMap<string, Change>,
  expectMore: ReadonlySet<string | null> = new Set(),
): Promise<void> {
  if (changes.size === 0) return;
  const { changed, reports, over } = await decideChanges(deps, tx, changes);
  if (changed.length === 0) return;
  // Their jobs would hold back their contacts' next messages until that attempt was due.
  if (over.length > 0) await runNow(tx, 'deliver', over, dateNow(deps.clock));
  await tx.$queryRawUnsafe(
    `WITH ${writingMessages('$1', '$2')}, ${insertJobsCte('$3')} SELECT * FROM notified`,
    JSON.stringify(changed),
    dateNow(deps.clock),
    JSON.stringify(reports.map((job) => (expectMore.has(job.messageId) ? together(deps.clock, job) : job))),
  );
}

/**
 * What a state means for a message: a change, unless it would be a step back.
 *
 * @param why needed for `failed`; what a message waited for is forgotten otherwise
 */
export function movedTo(current: Pick<Current, 'state'>, wanted: MessageState, why?: Reason): Patch {
  const state = advance(current.state, wanted);
  if (state === current.state) return {};
  return {
    state,
    reasonCode: why?.code ?? null,
    reason: why?.message ?? null,
    unknownSince: null,
    nextAttemptAt: null,
    reportTries: 0,
  };
}

/** What a message waits for now; nothing, where something has come of it meanwhile. */
export function stillPending(current: Current, why: Reason, fields: Patch): Patch {
  return current.state === 'pending' ? { ...fields, reasonCode: why.code, reason: why.message } : {};
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
