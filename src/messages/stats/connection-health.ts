import type { Database } from '../../database/client.ts';

/** Recent results of a connection. */
export interface ConnectionHealth {
  /** Time of the newest of the last attempts whose message was delivered. */
  readonly deliveredAt: Date | null;
  readonly lastAt: Date | null;
  /** Number of failed attempts since the last accepted one; `reason` is that of the newest. */
  readonly consecutiveFailures: number;
  readonly reason: { code: string; message: string } | null;
}

/** Bounds the cost for a busy connection. */
const maxAttempts = 50;

/** Derives the health of a connection from its newest attempts, which are read in the order of an index. */
export async function getConnectionHealth({ db }: { db: Database }, connectionId: string): Promise<ConnectionHealth> {
  const attempts = await db.client.attempt.findMany({
    where: { connectionId, endedAt: { not: null } },
    orderBy: { endedAt: 'desc' },
    take: maxAttempts,
    select: { endedAt: true, outcome: true, code: true, reason: true, message: { select: { state: true } } },
  });
  const firstAccepted = attempts.findIndex(({ outcome }) => outcome === 'accepted' || outcome === 'delivered');
  const [last] = attempts;
  const arrived = attempts.find(({ message }) => message.state === 'delivered' || message.state === 'read');
  const consecutiveFailures = firstAccepted === -1 ? attempts.length : firstAccepted;
  return {
    deliveredAt: arrived?.endedAt ?? null,
    lastAt: last?.endedAt ?? null,
    consecutiveFailures,
    reason: consecutiveFailures > 0 && last?.reason ? { code: last.code ?? 'failed', message: last.reason } : null,
  };
}
