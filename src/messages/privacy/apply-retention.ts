import { type Clock, dateNow, sleep } from '../../core/clock.ts';
import { minIdAt } from '../../core/ids.ts';
import type { Database } from '../../database/client.ts';
import { claimPeriodicTask } from '../../database/periodic-lock.ts';
import { type ContentStep, deleteMessages, deleteOldest, eraseContent } from './erase-content.ts';
import { combineRetention, type RetentionDays } from './retention-policy.ts';

export interface RetentionDeps {
  db: Database;
  clock: Clock;
  /** The operator's settings, for all locations. */
  retention: RetentionDays;
}

const intervalMs = 10 * 60_000;
const locationsPerPage = 500;
const hourMs = 60 * 60_000;
const dayMs = 24 * hourMs;
/** A failed message can be sent again only while its content is stored. */
const minFailedContentDays = 7;
const firstId = minIdAt(new Date(0));
const deliveredStates = ['delivered', 'read'];
/** Pending are those of which no receipt has come. */
const allStates = [...deliveredStates, 'failed', 'pending'];

interface LocationPolicy extends RetentionDays {
  readonly locationId: string;
}

/**
 * Erases the content of messages, and deletes messages, that are older than the policy of their location, in one process and in small steps.
 *
 * @returns the number of messages that were changed or deleted
 */
export async function applyRetention(deps: RetentionDeps): Promise<number> {
  if (!(await claimPeriodicTask(deps, 'retention', intervalMs))) return 0;
  let count = await deleteOldestMessages(deps);
  for await (const policy of listPolicies(deps)) {
    count += await eraseOldContent(deps, policy);
    count += await deleteOldMessages(deps, policy);
  }
  return count;
}

/** Deletes what is older than the operator's setting for all locations. */
async function deleteOldestMessages({ db, clock, retention: { messageDays } }: RetentionDeps): Promise<number> {
  if (messageDays === null) return 0;
  const before = minIdAt(new Date(clock.now() - messageDays * dayMs));
  let count = 0;
  for (let after = firstId; ; ) {
    const startedAt = clock.elapsed();
    const step = await deleteOldest(db.client, { after, before }, dateNow(clock));
    if (!step) return count;
    count += step.count;
    after = step.lastId;
    await rest(clock, startedAt);
  }
}

/** Lists the locations with a policy, their own or the operator's. */
async function* listPolicies({ db, retention }: RetentionDeps): AsyncGenerator<LocationPolicy> {
  const { client } = db;
  const appliesToAll = retention.messageDays !== null || retention.contentDays !== null;
  for (let after = ''; ; ) {
    const page = appliesToAll
      ? await client.installation.findMany({
          where: { kind: 'location', resourceId: { gt: after } },
          select: { resourceId: true },
          orderBy: { resourceId: 'asc' },
          take: locationsPerPage,
        })
      : (
          await client.retentionPolicy.findMany({
            where: { locationId: { gt: after } },
            select: { locationId: true },
            orderBy: { locationId: 'asc' },
            take: locationsPerPage,
          })
        ).map(({ locationId }) => ({ resourceId: locationId }));
    const ids = page.map(({ resourceId }) => resourceId);
    const own = await client.retentionPolicy.findMany({ where: { locationId: { in: ids } } });
    const byLocation = new Map(own.map((row) => [row.locationId, row]));
    for (const locationId of ids) {
      const row = byLocation.get(locationId);
      yield { locationId, ...(row ? combineRetention(row, retention) : retention) };
    }
    const last = ids.at(-1);
    if (ids.length < locationsPerPage || last === undefined) return;
    after = last;
  }
}

/**
 * Erases the content of what has been delivered once it is old enough, and of failed messages after a week at the earliest. How far each has come
 * is stored, so that a message is looked at twice at most; one that still waits keeps the position of the second before it.
 */
async function eraseOldContent(deps: RetentionDeps, { locationId, contentDays }: LocationPolicy): Promise<number> {
  if (contentDays === null) return 0;
  const { client } = deps.db;
  const now = deps.clock.now();
  const start = { deliveredUntil: firstId, allUntil: firstId };
  const progress = (await client.retentionProgress.findUnique({ where: { locationId } })) ?? start;
  const save = (position: Partial<typeof start>) =>
    client.retentionProgress.upsert({
      where: { locationId },
      create: { locationId, ...start, ...position },
      update: position,
    });

  const allBefore = minIdAt(new Date(now - Math.max(contentDays, minFailedContentDays) * dayMs));
  let hasPassedOpen = false;
  const older = await runSteps(deps, locationId, allStates, progress.allUntil, allBefore, async ({ doneUntil, lastId }) => {
    if (!hasPassedOpen) await save({ allUntil: doneUntil });
    hasPassedOpen ||= doneUntil !== lastId;
  });
  const deliveredBefore = minIdAt(new Date(now - Math.max(contentDays * dayMs, hourMs)));
  const from = pickLater(progress.deliveredUntil, allBefore);
  const delivered = await runSteps(deps, locationId, deliveredStates, from, deliveredBefore, ({ lastId }) =>
    save({ deliveredUntil: lastId }),
  );
  return older + delivered;
}

/** Ids compare as text: they begin with their time. */
function pickLater(one: string, other: string): string {
  return one < other ? other : one;
}

/** Runs steps between two positions, and records each. @returns the number of messages whose content was erased */
async function runSteps(
  { db, clock }: RetentionDeps,
  locationId: string,
  states: readonly string[],
  after: string,
  before: string,
  record: (step: ContentStep) => Promise<unknown>,
): Promise<number> {
  let count = 0;
  for (let position = after; ; ) {
    const startedAt = clock.elapsed();
    const step = await eraseContent(db.client, { locationId, states, after: position, before }, dateNow(clock));
    if (!step) return count;
    await record(step);
    count += step.count;
    position = step.lastId;
    await rest(clock, startedAt);
  }
}

/** Deletes what is older than a location's own policy, where that is the shorter one. */
async function deleteOldMessages(
  { db, clock, retention }: RetentionDeps,
  { locationId, messageDays }: LocationPolicy,
): Promise<number> {
  if (messageDays === null || messageDays === retention.messageDays) return 0;
  const before = minIdAt(new Date(clock.now() - messageDays * dayMs));
  let total = 0;
  for (;;) {
    const startedAt = clock.elapsed();
    const count = await deleteMessages(db.client, locationId, before, dateNow(clock));
    if (count === 0) return total;
    total += count;
    await rest(clock, startedAt);
  }
}

/** Pauses for as long as a step took: the steps take at most half of one connection's time. */
async function rest(clock: Clock, startedAt: number): Promise<void> {
  const ms = clock.elapsed() - startedAt;
  if (ms > 0) await sleep(clock, ms);
}
