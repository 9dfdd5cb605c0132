import { type Actor, audit } from '../../audit/audit-log.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import { paginate } from '../../core/pagination.ts';
import type { Database, Executor, Prisma, Redrive } from '../../database/client.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import { countReasonsSql } from '../log/search-sql.ts';
import type { Message } from '../model/message.ts';
import { type StoreDeps, toDeliverJob, toPostJob } from '../model/message-jobs.ts';
import { getReason } from '../model/reasons.ts';
import { lockMessages } from '../settlement/locks.ts';

export type { Redrive };

/** Which of the messages that were given up. */
export interface DeadLetterFilter {
  direction?: 'outbound' | 'inbound' | undefined;
  /** The code of the reason why. */
  reason?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
}

/** What was given up in a location, or waits for a person's decision; newest first. Nothing of it is ever thrown away. */
export async function listDeadLetters(
  db: Database,
  locationId: string,
  query: DeadLetterFilter & { cursor?: string | undefined; limit: number },
) {
  const rows = await db.client.message.findMany({
    where: {
      AND: [{ OR: [{ state: 'failed' }, { heldForReviewAt: { not: null } }] }, matchingFilter(locationId, query)],
      ...(query.cursor ? { id: { lt: query.cursor } } : {}),
    },
    orderBy: { id: 'desc' },
    take: query.limit + 1,
  });
  return paginate<Message>(rows, query.limit, ({ id }) => id);
}

const maxCounted = 10_000;

/** Why the newest messages of what was given up were so, the most frequent reason first. @returns `failed`: without those to decide about */
export async function countByReason(db: Database, locationId: string) {
  type Row = { code: string | null; message: string | null; count: number; failed: number };
  const reasons = await db.client.$queryRaw<Row[]>(countReasonsSql(locationId, maxCounted));
  return { reasons, maxCount: maxCounted };
}

/** Asks for all that failed and fits to be sent again. What waits for a person's decision is not among it: that is for each one to judge. */
export async function startRedrive(
  deps: { db: Database; clock: Clock; newId: NewId },
  locationId: string,
  filter: DeadLetterFilter,
  actor: Actor,
): Promise<Redrive> {
  const startedAt = dateNow(deps.clock);
  // What fails while it is worked off is not sent again by it.
  const resolvedFilter = { ...filter, until: filter.until ?? startedAt };
  return deps.db.transaction(async (tx) => {
    const total = await tx.message.count({ where: { ...matchingFilter(locationId, resolvedFilter), state: 'failed' } });
    await audit(tx, deps, { actor, action: 'redrive_started', locationId, details: `${total} messages.` });
    return tx.redrive.create({
      data: {
        id: deps.newId(),
        locationId,
        actor: typeof actor === 'string' ? actor : actor.userId,
        filter: JSON.parse(JSON.stringify(resolvedFilter)) as Prisma.InputJsonObject,
        totalCount: total,
        startedAt: startedAt,
        endedAt: total === 0 ? startedAt : null,
      },
    });
  });
}

/** A location's redrives with their progress, newest first. */
export async function listRedrives(db: Database, locationId: string, query: { cursor?: string | undefined; limit: number }) {
  const rows = await db.client.redrive.findMany({
    where: { locationId, ...(query.cursor ? { id: { lt: query.cursor } } : {}) },
    orderBy: { id: 'desc' },
    take: query.limit + 1,
  });
  return paginate<Redrive>(rows, query.limit, ({ id }) => id);
}

const batchSize = 200;

/** Brings one redrive a step further; a crash repeats no step. @returns how many were left to do, 0 for none */
export function runRedrives(deps: StoreDeps): Promise<number> {
  return deps.db.transaction(async (tx) => {
    const [unfinished] = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM redrives WHERE ended_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`;
    if (!unfinished) return 0;
    const redrive = await tx.redrive.findUniqueOrThrow({ where: { id: unfinished.id } });
    const found = await tx.message.findMany({
      where: {
        AND: [matchingFilter(redrive.locationId, parseFilter(redrive)), redrive.cursor ? { id: { gt: redrive.cursor } } : {}],
        state: 'failed',
      },
      orderBy: { id: 'asc' },
      take: batchSize,
    });
    const count = await requeueMessages(
      deps,
      tx,
      found.map(({ id }) => id),
    );
    const isLast = found.length < batchSize;
    await tx.redrive.update({
      where: { id: redrive.id },
      data: {
        doneCount: { increment: count },
        cursor: found.at(-1)?.id ?? redrive.cursor,
        endedAt: isLast ? dateNow(deps.clock) : null,
      },
    });
    return 1;
  });
}

/**
 * Starts messages that failed, or whose fate is not known, anew: the schedule begins again, and what HighLevel was told stands until there
 * is something newer to tell.
 *
 * @returns how many there were
 */
export async function requeueMessages(deps: Pick<StoreDeps, 'clock'>, tx: Executor, ids: readonly string[]): Promise<number> {
  const now = dateNow(deps.clock);
  await lockMessages(tx, ids);
  // What its far side had taken and failed, it would drop if it were the same sending.
  await tx.$executeRaw`
    UPDATE messages SET idempotency_reset_at = ${now}
    WHERE id = ANY (${[...ids]}::uuid[]) AND state = 'failed' AND direction = 'outbound' AND EXISTS (
      SELECT 1 FROM receipts
      WHERE message_id = messages.id AND receipts.state = 'failed' AND received_at >= COALESCE(idempotency_reset_at, '-infinity'))`;
  const rows = await tx.message.updateManyAndReturn({
    where: {
      id: { in: [...ids] },
      OR: [{ state: 'failed' }, { state: 'pending', heldForReviewAt: { not: null } }],
      // Of these nothing is kept that could be sent.
      AND: { OR: [{ reasonCode: null }, { reasonCode: { not: getReason('too_large').code } }] },
    },
    data: {
      state: 'pending',
      heldForReviewAt: null,
      retryCount: 0,
      reasonCode: null,
      reason: null,
      nextAttemptAt: null,
      resentAt: now,
      updatedAt: now,
    },
  });
  // A crash may have left an attempt open: whoever sends again has judged that too.
  const interrupted = getReason('interrupted');
  await tx.attempt.updateMany({
    where: { messageId: { in: rows.map(({ id }) => id) }, endedAt: null },
    data: { endedAt: now, outcome: 'unknown', code: interrupted.code, reason: interrupted.message },
  });
  await enqueue(
    tx,
    rows.map((row) => (row.direction === 'outbound' ? toDeliverJob(row, now) : toPostJob(row, now))),
  );
  return rows.length;
}

function matchingFilter(locationId: string, { direction, reason, since, until }: DeadLetterFilter): Prisma.MessageWhereInput {
  return {
    locationId,
    ...(direction ? { direction } : {}),
    ...(reason ? { reasonCode: reason } : {}),
    ...(since || until ? { updatedAt: { ...(since ? { gte: since } : {}), ...(until ? { lte: until } : {}) } } : {}),
  };
}

/** As it was stored: times are text in JSON. */
function parseFilter({ filter }: Redrive): DeadLetterFilter {
  const { since, until, ...others } = filter as { since?: string; until?: string };
  return { ...others, ...(since ? { since: new Date(since) } : {}), ...(until ? { until: new Date(until) } : {}) };
}
