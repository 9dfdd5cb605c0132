import * as z from 'zod';
import { minIdAt } from '../../core/ids.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import { Prisma } from '../../database/client.ts';
import { anyDeadLetterCondition, deadLetterCondition } from '../model/dead-letter-condition.ts';

const { sql, join, empty } = Prisma;

/** Locations whose messages are listed, or all. */
export type LogScope = readonly string[] | 'all';

export interface LogQuery {
  direction?: 'outbound' | 'inbound' | undefined;
  /** `given_up`: failed, or held for review. */
  status?: 'pending' | 'unknown' | 'delivered' | 'read' | 'failed' | 'given_up' | undefined;
  providerKey?: string | undefined;
  /** The code of the reason for a failure or a wait. */
  reason?: string | undefined;
  /** Received at this time or later. */
  since?: Date | undefined;
  /** Received before this time. */
  until?: Date | undefined;
  /** Part of the text or of an address, or an id. */
  q?: string | undefined;
  /** An id: messages older than it. */
  before?: string | undefined;
  /** An id: messages newer than it, the nearest first found. */
  after?: string | undefined;
  limit: number;
}

/** Rows that a statement reads: all messages of a scope, or its dead letters, which have an index of their own. */
interface SearchSource {
  scope: LogScope;
  isDeadLetter: boolean;
}

/**
 * Builds the statement that selects the ids of matching messages in the order of the page, by one index range per location.
 *
 * @param boundary the last id to read
 * @param among the ids to choose from; null for all
 */
export function selectIdsSql(scope: LogScope, query: LogQuery, boundary: string | null, among: readonly string[] | null) {
  const { isBackwards, order } = toOrder(query);
  const conditions = [
    ...toRangeConditions(query),
    ...unindexedConditions(query, among === null),
    ...(boundary ? [sql`id ${isBackwards ? sql`<=` : sql`>=`} ${boundary}::uuid`] : []),
    ...(among ? [sql`id = ANY (${[...among]}::uuid[])`] : []),
  ];
  const limit = sql`LIMIT ${query.limit + 1}`;
  return perLocation({ scope, isDeadLetter: isDeadLetterQuery(query) }, conditions, order, limit, limit);
}

/**
 * Builds the statement that selects the boundary of a search: the id up to which every location has at most `each` messages and all
 * together have at most `total`. One boundary holds for all locations, so that pages follow each other without a gap.
 */
export function selectBoundarySql(scope: LogScope, query: LogQuery, { each, total }: { each: number; total: number }) {
  const { order } = toOrder(query);
  const source = { scope, isDeadLetter: isDeadLetterQuery(query) };
  const range = toRangeConditions(query);
  const perLocationBoundary = perLocation(source, range, order, sql`OFFSET ${each - 1} LIMIT 1`, sql`LIMIT 1`);
  if (isIdOrdered(source) || scope.length === 1) return perLocationBoundary;
  const overallBoundary = perLocation(source, range, order, sql`LIMIT ${each}`, sql`OFFSET ${total - 1} LIMIT 1`);
  return sql`SELECT id FROM ((${perLocationBoundary}) UNION ALL (${overallBoundary})) AS either ORDER BY ${order} LIMIT 1`;
}

/**
 * Builds the statement that selects messages by an exact id of ours, of HighLevel or of the vendor, by contact or by address. Each uses an
 * index that other queries need, too. An address is resolved to its stored contact.
 */
export function selectExactMatchesSql(scope: LogScope, q: string, maxRows: number) {
  const locations =
    scope === 'all'
      ? sql`ANY (ARRAY(SELECT resource_id FROM installations WHERE kind = 'location'))`
      : sql`ANY (${[...scope]}::text[])`;
  const ours = z.uuid().safeParse(q);
  return sql`
    SELECT id FROM (
      SELECT id FROM messages WHERE location_id = ${locations} AND highlevel_message_id = ${q}
      UNION SELECT id FROM messages WHERE location_id = ${locations} AND contact_id = ${q}
      UNION SELECT m.id FROM contact_addresses AS i JOIN messages AS m ON m.location_id = i.location_id AND m.contact_id = i.contact_id
        WHERE i.location_id = ${locations} AND i.address = ANY (${toAddressForms(q)}::text[])
      UNION SELECT x.message_id FROM connections AS c JOIN external_ids AS x ON x.connection_id = c.id AND x.external_id = ${q}
        WHERE c.location_id = ${locations}
      UNION SELECT m.id FROM connections AS c JOIN messages AS m ON m.inbound_key = c.id || '/' || ${q}
        WHERE c.location_id = ${locations}
      ${ours.success ? sql`UNION SELECT id FROM messages WHERE id = ${ours.data}::uuid AND location_id = ${locations}` : empty}
    ) AS found ORDER BY id DESC LIMIT ${maxRows}`;
}

/** Returns true for a query with conditions that no index serves, which reads a limited number of messages at a time. */
export function isSearch(query: LogQuery): boolean {
  return unindexedConditions(query, true).length > 0;
}

/** Builds the statement that counts the newest `maxRows` dead letters of a location by reason. */
export function countReasonsSql(locationId: string, maxRows: number) {
  return sql`
    SELECT reason_code AS code, max(reason) AS message, count(*)::int AS count,
      count(*) FILTER (WHERE state = 'failed')::int AS failed
    FROM (SELECT state, reason_code, reason FROM messages WHERE location_id = ${locationId} AND ${deadLetterCondition}
      ORDER BY id DESC LIMIT ${maxRows}) AS newest
    GROUP BY reason_code ORDER BY count DESC, code`;
}

function isDeadLetterQuery({ status }: LogQuery): boolean {
  return status === 'given_up' || status === 'failed' || status === 'unknown';
}

function toOrder({ after }: LogQuery) {
  const isBackwards = after !== undefined;
  return { isBackwards, order: isBackwards ? sql`id ASC` : sql`id DESC` };
}

/** Returns true for the log of all locations, which is read in the order of an index of ids. */
function isIdOrdered({ scope }: SearchSource): boolean {
  return scope === 'all';
}

function perLocation(
  { scope, isDeadLetter }: SearchSource,
  conditions: readonly Prisma.Sql[],
  order: Prisma.Sql,
  rows: Prisma.Sql,
  overall: Prisma.Sql,
) {
  const deadLetters = scope === 'all' ? anyDeadLetterCondition : deadLetterCondition;
  const all = isDeadLetter ? [deadLetters, ...conditions] : conditions;
  if (isIdOrdered({ scope, isDeadLetter })) {
    return sql`SELECT id FROM messages ${all.length > 0 ? sql`WHERE ${join(all, ' AND ')}` : empty} ORDER BY ${order} ${rows}`;
  }
  const own = join([sql`location_id = l.id`, ...all], ' AND ');
  return sql`
    SELECT m.id FROM unnest(${[...scope]}::text[]) AS l (id)
    CROSS JOIN LATERAL (SELECT id FROM messages WHERE ${own} ORDER BY ${order} ${rows}) AS m
    ORDER BY ${order} ${overall}`;
}

/** Converts ids and times to a range of ids: an id starts with the time of its message. */
function toRangeConditions({ before, after, since, until }: LogQuery): Prisma.Sql[] {
  return [
    ...(before ? [sql`id < ${before}::uuid`] : []),
    ...(after ? [sql`id > ${after}::uuid`] : []),
    ...(since ? [sql`id >= ${minIdAt(since)}::uuid`] : []),
    ...(until ? [sql`id < ${minIdAt(until)}::uuid`] : []),
  ];
}

function unindexedConditions(query: LogQuery, withText: boolean): Prisma.Sql[] {
  const { direction, status, providerKey, reason, q } = query;
  return [
    ...(direction ? [sql`direction = ${direction}::direction`] : []),
    ...(providerKey ? [sql`provider_key = ${providerKey}`] : []),
    ...(reason ? [sql`reason_code = ${reason}`] : []),
    ...(status ? statusConditions[status] : []),
    ...(q && withText ? [toTextCondition(q)] : []),
  ];
}

const statusConditions: Record<NonNullable<LogQuery['status']>, Prisma.Sql[]> = {
  pending: [sql`state = 'pending'`, sql`held_for_review_at IS NULL`],
  unknown: [sql`state = 'pending'`, sql`held_for_review_at IS NOT NULL`],
  delivered: [sql`state = 'delivered'`],
  read: [sql`state = 'read'`],
  failed: [sql`state = 'failed'`],
  given_up: [],
};

function toTextCondition(q: string): Prisma.Sql {
  const parts = [q, ...extractDigits(q)].map((part) => `%${part.replace(/[\\%_]/g, '\\$&')}%`);
  const like = (column: Prisma.Sql) => sql`${column} ILIKE ANY (${parts}::text[])`;
  return sql`(${join([sql`text`, sql`subject`, sql`"to"`, sql`"from"`].map(like), ' OR ')}
    OR highlevel_message_id = ${q} OR external_id = ${q} OR contact_id = ${q})`;
}

/** Returns the forms in which a typed address may be stored. */
function toAddressForms(q: string): string[] {
  return [...new Set([q, q.toLowerCase(), ...extractDigits(q).flatMap((digits) => listPhoneSpellings(`+${digits}`))])];
}

/** Returns the digits of a formatted phone number. */
function extractDigits(q: string): string[] {
  const digits = q.replace(/\D/g, '');
  return /^\+?[\d\s().-]+$/.test(q) && digits.length >= 7 ? [digits] : [];
}
