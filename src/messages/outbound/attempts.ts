import type { Connection } from '../../connections/connection.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database, Executor, Message } from '../../database/client.ts';
import { repeatWhileUnavailable } from '../../database/repeat.ts';
import { liveWorkersCte } from '../../queue/sql/live-workers.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import { getReason, type Reason } from '../model/reasons.ts';
import { listAcceptedParts } from './external-ids.ts';

export interface AttemptRequest {
  readonly messageId: string;
  /** The worker that claimed the job. */
  readonly workerId: string;
  /** The connection as it was read when the message was prepared. */
  readonly connection: Pick<Connection, 'id' | 'status' | 'updatedAt'>;
  /** Number of its parts that the vendor was known to have when the message was prepared. */
  readonly acceptedCount: number;
  /** The recipients, as the ledger of opt-outs knows them. */
  readonly addresses: readonly string[];
  /** The policy for an earlier attempt that was interrupted, so that its message may or may not have been sent. */
  readonly unknownOutcomePolicy: 'resend' | 'ask';
}

/**
 * The result of starting an attempt:
 * - `isOptedOutOfMarketing`: a recipient has opted out of marketing alone, and the channel decides by the content;
 * - `cancelled`: the message is not to be sent any more;
 * - `interrupted`: an earlier attempt was interrupted or got no response, and it must be found out whether it was sent;
 * - `inbound_in_progress`: the message may be the echo of a reply that is being posted into this contact's conversation. HighLevel can post
 *   it to the Delivery URL before its response has named its id (platform.md 3.4); once that id is stored, `dropEcho` settles the message;
 * - `route_changed`: since the message was prepared, its connection was changed, paused, held or removed, its location has lost the app, or a
 *   receipt has proved an earlier send of it, or of a part;
 * - `opted_out`: a recipient has opted out;
 * - `taken_over`: the worker was declared dead since it claimed the job, which another one has or gets.
 */
export type StartResult =
  | { attemptId: string; isOptedOutOfMarketing: boolean }
  | 'cancelled'
  | 'interrupted'
  | 'inbound_in_progress'
  | 'route_changed'
  | 'opted_out'
  | 'taken_over';

export type StartAttempt = (request: AttemptRequest) => Promise<StartResult>;

const maxBatchSize = 200;

/** A decided request, as the statement returns it. */
interface DecidedRow {
  id: string;
  outcome: Exclude<StartResult, object | 'cancelled'> | 'started';
  isOptedOutOfMarketing: boolean;
}

/**
 * Creates the recorder of attempts, which commits each attempt before its request leaves. Attempts that start together are one statement.
 *
 * Preparing a message may take seconds, as HighLevel is asked for a token, an address or a charge. What must stop a send is therefore read
 * in the statement that starts it: a STOP, a pause or an uninstall that was acknowledged before it counts. So does a worker's death: the
 * statement of one whose host was cut off may reach the server when another worker has sent the message.
 *
 * A statement whose response is lost may have committed. It is repeated under the same ids: dropped, up to 200 messages of which no request
 * has left would count as possibly sent.
 */
export function createAttemptStarter(deps: { db: Database; clock: Clock; newId: NewId }): StartAttempt {
  return createBatcher<AttemptRequest, StartResult>({
    maxBatchSize,
    async run(items) {
      const requests = items.map(({ connection: { id, status, updatedAt }, ...one }) => ({
        ...{ ...one, id: deps.newId() },
        ...{ connectionId: id, connectionStatus: status, connectionUpdatedAt: updatedAt },
      }));
      const { code, message } = getReason('interrupted');
      const parameters = [JSON.stringify(requests), dateNow(deps.clock), code, message];
      let isRepeat = false;
      const rows = await repeatWhileUnavailable(deps.clock, (tries) => {
        isRepeat = tries > 1;
        return deps.db.client.$queryRawUnsafe<DecidedRow[]>(startAttemptsSql, ...parameters);
      });
      const decided = new Map(rows.map((row) => [row.id, row]));
      if (isRepeat)
        await withdraw(
          deps.db,
          requests.map(({ id }) => id).filter((id) => decided.get(id)?.outcome !== 'started'),
        );
      return requests.map(({ id }) => {
        const row = decided.get(id);
        if (!row) return 'cancelled';
        const { outcome, isOptedOutOfMarketing } = row;
        return outcome === 'started' ? { attemptId: id, isOptedOutOfMarketing } : outcome;
      });
    },
  });
}

/** Removes attempts that a statement of unknown outcome may have started, and its repeat has not. */
async function withdraw({ client }: Database, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await client.attempt.deleteMany({ where: { id: { in: [...ids] } } });
}

/** Builds the condition that a message of a contact is being posted into its conversation. */
function inboundInProgressCondition(locationId: string, contactId: string): string {
  return `EXISTS (
        SELECT 1 FROM messages inbound JOIN jobs ON jobs.queue = 'highlevel' AND jobs.message_id = inbound.id AND jobs.worker_id IS NOT NULL
        WHERE inbound.location_id = ${locationId} AND inbound.contact_id = ${contactId} AND inbound.post_started_at IS NOT NULL)`;
}

const inboundInProgressSql = `SELECT ${inboundInProgressCondition('$1', '$2')} AS "isInProgress"`;

/** Returns whether a message may be the echo of one that is being posted (see {@link StartResult}). */
export async function mayBeEcho(
  on: Executor,
  { locationId, contactId }: Pick<Message, 'locationId' | 'contactId'>,
): Promise<boolean> {
  const [row] = await on.$queryRawUnsafe<[{ isInProgress: boolean }]>(inboundInProgressSql, locationId, contactId);
  return row.isInProgress;
}

/** The lock prevents that a message is cancelled between this query and the new attempt. Messages are locked by id, as everywhere. */
const startAttemptsSql = `
  WITH wanted AS (
    SELECT * FROM json_to_recordset($1::json) AS w (id uuid, "messageId" uuid, addresses text[], "unknownOutcomePolicy" text,
      "workerId" uuid, "connectionId" uuid, "connectionStatus" text, "connectionUpdatedAt" timestamptz, "acceptedCount" int)),
  ${liveWorkersCte('SELECT "workerId" FROM wanted')},
  owned AS (SELECT * FROM wanted WHERE "workerId" IN (SELECT id FROM alive)),
  pending AS (
    SELECT id, location_id, contact_id, resent_at, external_id FROM messages
    WHERE id IN (SELECT "messageId" FROM owned) AND state = 'pending' AND held_for_review_at IS NULL ORDER BY id FOR KEY SHARE),
  interrupted AS (
    UPDATE attempts SET ended_at = $2, outcome = 'unknown', code = $3, reason = $4
    WHERE message_id IN (SELECT id FROM pending) AND ended_at IS NULL AND id NOT IN (SELECT id FROM wanted)),
  decided AS (
    SELECT w.*, p.resent_at, optout.categories, CASE
      WHEN p.external_id IS NOT NULL AND w."acceptedCount" <> (
        SELECT count(*) FROM external_ids x
        WHERE x.message_id = p.id AND x.part IS NOT NULL AND x.created_at >= COALESCE(p.resent_at, '-infinity')) THEN 'route_changed'
      -- Interrupted, or ended as interrupted by a worker that stopped before it settled the message.
      WHEN w."unknownOutcomePolicy" = 'ask' AND EXISTS (
        SELECT 1 FROM attempts a WHERE a.message_id = p.id AND a.id <> w.id AND (a.ended_at IS NULL OR a.outcome = 'unknown')
          AND a.started_at >= COALESCE(p.resent_at, '-infinity')) THEN 'interrupted'
      WHEN ${inboundInProgressCondition('p.location_id', 'p.contact_id')} THEN 'inbound_in_progress'
      WHEN NOT EXISTS (
        SELECT 1 FROM connections c WHERE c.id = w."connectionId" AND c.disabled_at IS NULL
          AND c.status::text = w."connectionStatus" AND c.updated_at = w."connectionUpdatedAt") THEN 'route_changed'
      WHEN NOT EXISTS (
        SELECT 1 FROM installations i WHERE i.kind = 'location' AND i.resource_id = p.location_id AND i.status = 'active')
        THEN 'route_changed'
      WHEN 'all' = ANY (optout.categories) THEN 'opted_out'
      ELSE 'started' END AS outcome
    FROM owned w JOIN pending p ON p.id = w."messageId" CROSS JOIN LATERAL (
      SELECT array_agg(DISTINCT o.category::text) AS categories FROM opt_outs o
      WHERE o.location_id = p.location_id AND o.address = ANY (w.addresses) AND o.lifted_at IS NULL) AS optout),
  started AS (
    INSERT INTO attempts (id, message_id, connection_id, started_at, event_order)
    -- The process that resent it may have a clock that is ahead of this one's.
    SELECT id, "messageId", "connectionId", GREATEST($2, resent_at), nextval('event_order') FROM decided WHERE outcome = 'started'
    ON CONFLICT (id) DO NOTHING)
  SELECT id, outcome, categories IS NOT NULL AS "isOptedOutOfMarketing" FROM decided
  UNION ALL SELECT id, 'taken_over', false FROM wanted WHERE "workerId" NOT IN (SELECT id FROM alive)`;

/** Selects attempts. */
export interface AttemptFilter {
  /** An attempt to leave out. */
  readonly excludeId?: string;
  /** Only attempts that started before. */
  readonly startedBefore?: Date;
}

/**
 * Returns true when a message may have reached its contact although its newest attempt has not: an earlier attempt ended `unknown`, or a
 * crash interrupted it. A user who resends the message has decided about the attempts before.
 */
export async function mayHaveArrived(
  on: Executor,
  { id, resentAt }: { id: string; resentAt: Date | null },
  { excludeId, startedBefore }: AttemptFilter = {},
): Promise<boolean> {
  const count = await on.attempt.count({
    where: {
      messageId: id,
      OR: [{ outcome: 'unknown' }, { outcome: null }],
      ...(excludeId ? { id: { not: excludeId } } : {}),
      startedAt: { ...(resentAt ? { gte: resentAt } : {}), ...(startedBefore ? { lt: startedBefore } : {}) },
    },
  });
  return count > 0;
}

/** An attempt that may or may not have been sent. */
export interface UnconfirmedAttempt {
  readonly id: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
  /** Why its outcome is unknown. */
  readonly unknownReason: Reason;
  /** Vendor's ids that receipts have named for it, where its process stopped before it could take them into account. */
  readonly provedParts: readonly string[];
}

/** Finds the newest attempt of a message whose outcome is unknown. A person who had it resent has judged the attempts before. */
export async function findUnconfirmedAttempt(
  on: Executor,
  { id, resentAt }: { id: string; resentAt: Date | null },
): Promise<UnconfirmedAttempt | null> {
  const row = await on.attempt.findFirst({
    where: { messageId: id, outcome: 'unknown', ...(resentAt ? { startedAt: { gte: resentAt } } : {}) },
    orderBy: { startedAt: 'desc' },
    select: { id: true, startedAt: true, endedAt: true, code: true, reason: true },
  });
  if (!row) return null;
  const { id: attemptId, startedAt, endedAt, code, reason } = row;
  const interrupted = getReason('interrupted');
  const unknownReason = code && reason ? { code, message: reason } : interrupted;
  // The ids of an attempt that has ended are in part those of its own response.
  const provedParts = code === interrupted.code ? await listAcceptedParts(on, { id, resentAt: startedAt }) : [];
  return { id: attemptId, startedAt, endedAt: endedAt ?? startedAt, unknownReason, provedParts };
}
