import { type Actor, audit } from '../../audit/audit-log.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { formatCount } from '../../core/format-count.ts';
import type { NewId } from '../../core/ids.ts';
import { paginate } from '../../core/pagination.ts';
import type { Database, Prisma, Redrive } from '../../database/client.ts';
import { countFailed, type DeadLetterFilter, listFailedIds } from './dead-letters.ts';
import { requeueMessages } from './send-again.ts';

export type { Redrive };

export interface StartRedriveDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/** Starts a redrive of all failed messages that a filter selects. It leaves out messages held for review: a person judges each of those. */
export async function startRedrive(
  { db, clock, newId }: StartRedriveDeps,
  locationId: string,
  filter: DeadLetterFilter,
  actor: Actor,
): Promise<Redrive> {
  const startedAt = dateNow(clock);
  // The redrive does not send again what fails while it runs.
  const resolvedFilter = { ...filter, until: filter.until ?? startedAt };
  return db.transaction(async (tx) => {
    const total = await countFailed(tx, locationId, resolvedFilter);
    await audit(
      tx,
      { clock, newId },
      { actor, action: 'redrive_started', locationId, details: `${formatCount(total, 'message')}.` },
    );
    return tx.redrive.create({
      data: {
        id: newId(),
        locationId,
        actor: typeof actor === 'string' ? actor : actor.userId,
        filter: JSON.parse(JSON.stringify(resolvedFilter)) as Prisma.InputJsonObject,
        totalCount: total,
        startedAt,
        endedAt: total === 0 ? startedAt : null,
      },
    });
  });
}

/** Lists a location's redrives with their progress, newest first. */
export async function listRedrives(db: Database, locationId: string, query: { cursor?: string | undefined; limit: number }) {
  const rows = await db.client.redrive.findMany({
    where: { locationId, ...(query.cursor ? { id: { lt: query.cursor } } : {}) },
    orderBy: { id: 'desc' },
    take: query.limit + 1,
  });
  return paginate<Redrive>(rows, query.limit, ({ id }) => id);
}

const batchSize = 200;

export interface RunRedrivesDeps {
  db: Database;
  clock: Clock;
}

/** Runs one batch of the oldest unfinished redrive. Batch and progress are one commit, so a crash repeats no batch. @returns 0 when all are finished */
export function runRedrives({ db, clock }: RunRedrivesDeps): Promise<number> {
  return db.transaction(async (tx) => {
    const [unfinished] = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM redrives WHERE ended_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`;
    if (!unfinished) return 0;
    const redrive = await tx.redrive.findUniqueOrThrow({ where: { id: unfinished.id } });
    const ids = await listFailedIds(tx, redrive.locationId, parseFilter(redrive), { after: redrive.cursor, limit: batchSize });
    const count = await requeueMessages({ clock }, tx, ids);
    const isLast = ids.length < batchSize;
    await tx.redrive.update({
      where: { id: redrive.id },
      data: {
        doneCount: { increment: count },
        cursor: ids.at(-1) ?? redrive.cursor,
        endedAt: isLast ? dateNow(clock) : null,
      },
    });
    return 1;
  });
}

/** Parses a stored filter: times are text in JSON. */
function parseFilter({ filter }: Redrive): DeadLetterFilter {
  const { since, until, ...others } = filter as { since?: string; until?: string };
  return { ...others, ...(since ? { since: new Date(since) } : {}), ...(until ? { until: new Date(until) } : {}) };
}
