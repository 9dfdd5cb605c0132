import { AppError } from '../../core/errors.ts';
import { minIdAt } from '../../core/ids.ts';
import { createKeyedQueue } from '../../core/keyed-queue.ts';
import type { Database } from '../../database/client.ts';
import type { Message } from '../model/message.ts';
import { listRecipientStates, type RecipientState, selectReceiptsSince } from '../model/recipients.ts';
import {
  isSearch,
  type LogQuery,
  type LogScope,
  selectBoundarySql,
  selectExactMatchesSql,
  selectIdsSql,
} from './search-sql.ts';

export type { LogQuery, LogScope };

/** A part of the log, newest first. */
export interface LogPage {
  items: Message[];
  /** Cursor of older messages, for `before`; null at the end. */
  older: string | null;
  /** Cursor of newer messages, for `after`; null on the newest page. */
  newer: string | null;
  /** Id at which a search stopped because it reads a limited number of messages at once; null when the page is full. */
  searchedUntil: string | null;
}

/** Lists messages as `listMessages`; the searches of a tenant run one at a time. @throws AppError `too_many_requests` */
export type ListMessages = (scope: LogScope, query: LogQuery) => Promise<LogPage>;

type LogSource = Pick<Database, 'client'>;

const maxWaitingSearches = 10;

/**
 * Creates the lister of messages. Searches are expensive, so those of one tenant take one database connection at most.
 *
 * @param db the primary, or a reader of what may be some seconds old
 */
export function createMessageLister(db: LogSource): ListMessages {
  const searches = createKeyedQueue(
    maxWaitingSearches,
    () =>
      new AppError('too_many_requests', 'Too many searches at a time. Please wait for the others.', { retryAfterMs: 2_000 }),
  );
  return (scope, query) => {
    const list = () => listMessages(db, scope, query);
    // Searches of one location queue by it, those over several locations by the first of them.
    return query.q || isSearch(query) ? searches.run(scope === 'all' ? scope : (scope[0] ?? ''), list) : list();
  };
}

/** A search through 20,000 messages took 50 ms on PostgreSQL, one by state or reason much less. */
const maxScannedRows = 20_000;
const minScannedRowsPerLocation = 200;
const maxExactMatches = 5_000;

/**
 * Lists messages, newest first, at a cost that does not grow with the log. A search that no index serves reads a limited number of messages
 * at a time, so its page may be short, or empty, and still have older ones. Ids and stored addresses are found in the whole log.
 */
export async function listMessages(db: LogSource, scope: LogScope, query: LogQuery): Promise<LogPage> {
  if (scope.length === 0) return { items: [], older: null, newer: null, searchedUntil: null };
  const candidateIds = query.q ? await findExactMatches(db, scope, query.q) : null;
  const boundary = candidateIds === null && isSearch(query) ? await findBoundary(db, scope, query) : null;
  const ids = await selectIds(db, selectIdsSql(scope, query, boundary, candidateIds));
  const isFull = ids.length > query.limit;
  const shown = ids.slice(0, query.limit);
  const nextCursor = isFull ? (shown.at(-1) ?? null) : boundary;
  const items = await loadMessages(db, shown);
  const searchedUntil = isFull ? null : boundary;
  if (query.after === undefined) {
    return { items, older: nextCursor, newer: query.before ? (items[0]?.id ?? query.before) : null, searchedUntil };
  }
  return { items, older: items.at(-1)?.id ?? query.after, newer: nextCursor, searchedUntil };
}

async function findExactMatches(db: LogSource, scope: LogScope, q: string): Promise<string[] | null> {
  const ids = await selectIds(db, selectExactMatchesSql(scope, q, maxExactMatches));
  return ids.length > 0 ? ids : null;
}

async function findBoundary(db: LogSource, scope: LogScope, query: LogQuery): Promise<string | null> {
  const each = scope === 'all' ? maxScannedRows : Math.max(minScannedRowsPerLocation, Math.ceil(maxScannedRows / scope.length));
  const [id] = await selectIds(db, selectBoundarySql(scope, query, { each, total: maxScannedRows }));
  return id ?? null;
}

async function selectIds(db: LogSource, statement: ReturnType<typeof selectIdsSql>): Promise<string[]> {
  const rows = await db.client.$queryRaw<{ id: string }[]>(statement);
  return rows.map(({ id }) => id);
}

function loadMessages(db: LogSource, ids: readonly string[]): Promise<Message[]> {
  return db.client.message.findMany({ where: { id: { in: [...ids] } }, orderBy: { id: 'desc' } });
}

const maxHistoryRows = 100;

/**
 * Reads one message with a part of its history, the newest part by default: repeated receipts and retries can make it long.
 *
 * @param before cursor of an earlier part
 * @returns `older`: cursor of the part before this one; null when this is the first
 */
export async function findMessageWithHistory(db: Database, id: string, before?: string) {
  const part = { where: before ? { id: { lt: before } } : {}, orderBy: { id: 'desc' }, take: maxHistoryRows + 1 } as const;
  const found = await db.client.message.findUnique({
    where: { id },
    include: { attempts: part, receipts: part, reportAttempts: part },
  });
  if (!found) return null;
  const ids = [...found.attempts, ...found.receipts, ...found.reportAttempts]
    .map((row) => row.id)
    .sort()
    .reverse();
  const oldest = ids.length > maxHistoryRows ? (ids[maxHistoryRows - 1] as string) : '';
  const isInThisPart = (at: Date) => minIdAt(at) >= oldest && (!before || minIdAt(at) < before);
  const shown = <Row extends { id: string }>(rows: Row[]) => rows.filter((row) => row.id >= oldest).reverse();
  return {
    ...found,
    attempts: shown(found.attempts),
    receipts: shown(found.receipts),
    reports: shown(found.reportAttempts),
    isFirstPart: oldest === '',
    isPassedInPart: found.outOfOrderAt !== null && isInThisPart(found.outOfOrderAt),
    older: oldest || null,
  };
}

const maxRecipientReceipts = 2_000;

/** Finds the state of each recipient of an outbound email; none for another message. */
export async function findRecipientStates(
  db: Database,
  message: Pick<Message, 'id' | 'direction' | 'messageType' | 'to' | 'state' | 'reasonCode' | 'reason' | 'idempotencyResetAt'>,
): Promise<RecipientState[]> {
  if (message.direction !== 'outbound' || message.messageType !== 'email') return [];
  const receipts = await db.client.receipt.findMany({
    where: { messageId: message.id },
    select: { state: true, recipient: true, code: true, reason: true, receivedAt: true },
    orderBy: [{ receivedAt: 'asc' }, { id: 'asc' }],
    take: maxRecipientReceipts,
  });
  return listRecipientStates(message, selectReceiptsSince(message.idempotencyResetAt, receipts));
}

export type MessageWithHistory = NonNullable<Awaited<ReturnType<typeof findMessageWithHistory>>>;
