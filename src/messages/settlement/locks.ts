import type { SqlExecutor } from '../../database/client.ts';
import { type JsonForms, queryJsonRows, toSelectList } from '../../database/json-rows.ts';
import type { Job } from '../../queue/job.ts';
import { lockJobsCte, toLockRow } from '../../queue/sql/finish-jobs.ts';
import { type LockedMessage, lockedColumns } from '../model/transitions.ts';

// Every transaction locks in one order, so that no two deadlock: vendors' ids, then messages by id, then jobs.

/** Locks vendors' ids until the transaction ends, so that a receipt and the response that names its message can't miss each other. */
export async function lockExternalIds(
  tx: SqlExecutor,
  ids: readonly { connectionId: string; externalId: string }[],
): Promise<void> {
  if (ids.length === 0) return;
  const keys = [...new Set(ids.map(({ connectionId, externalId }) => `${connectionId}/${externalId}`))].sort();
  await tx.$executeRaw`
    SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(${keys}::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n`;
}

/** Locks messages until the transaction ends, where a decision about them needs a query first. */
export async function lockMessages(tx: SqlExecutor, ids: readonly string[]): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM messages WHERE id = ANY (${[...ids]}::uuid[]) ORDER BY id FOR UPDATE`;
}

const forms: JsonForms<LockedMessage> = {
  ...{ createdAt: 'time', resentAt: 'time', heldForReviewAt: 'time', nextAttemptAt: 'time', postStartedAt: 'time' },
  outOfOrderAt: 'time',
};

/**
 * Locks messages in the order of their ids, then the jobs that the same transaction finishes. A transaction that holds a message therefore
 * never waits for a job of it.
 *
 * @returns the messages that exist, by id
 */
export function lockMessagesAndJobs(tx: SqlExecutor, ids: readonly string[], jobs: readonly Job[]): Promise<LockedMessage[]> {
  return queryJsonRows<LockedMessage>(tx, lockSql, [ids, JSON.stringify(jobs.map(toLockRow))], forms);
}

const lockSql = `
  WITH locked AS MATERIALIZED (
    SELECT ${toSelectList(lockedColumns)}
    FROM messages WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE),
  ${lockJobsCte('$2', 'locked')}
  SELECT locked.* FROM locked CROSS JOIN (SELECT count(*) FROM held) AS held`;
