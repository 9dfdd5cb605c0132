import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { createLog } from '../../runtime/log.ts';
import { type DatabaseTarget, openDatabase } from '../client.ts';
import { toSqlSession } from '../embedded-session.ts';
import type { SqlSession } from '../migrate.ts';
import { openServerSession } from '../server-session.ts';
import { readServers } from '../servers.ts';
import { prepareSession } from './read-rows.ts';

/**
 * Migrates a database and opens one session of it for an export or an import.
 *
 * @throws Error with a message for the operator
 */
export async function openTransferSession(
  target: Exclude<DatabaseTarget, { kind: 'opened' }>,
): Promise<SqlSession & { close(): Promise<void> }> {
  const log = createLog('warn');
  if (target.kind === 'postgres') {
    await (await openDatabase(target, { log })).close();
    const session = await openServerSession(readServers(target.directUrl ?? target.url), 'DATABASE_URL', {
      clock: systemClock,
      log,
    });
    await prepareSession(session);
    return session;
  }
  const { PGlite } = await import('@electric-sql/pglite');
  const embedded = await PGlite.create(join(target.dataDir, 'database'));
  await (await openDatabase({ kind: 'opened', embedded })).close();
  const session = toSqlSession(embedded);
  await prepareSession(session);
  return { ...session, close: () => embedded.close() };
}
