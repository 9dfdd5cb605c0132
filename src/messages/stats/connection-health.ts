import type { Database } from '../../database/client.ts';

/** How a connection has done lately. */
export interface ConnectionHealth {
  /** When the newest message that is known to have arrived was sent, among the last attempts. */
  readonly deliveredAt: Date | null;
  readonly lastAt: Date | null;
  /** How many attempts in a row have failed up to now, and why the last of them did. */
  readonly consecutiveFailures: number;
  readonly reason: { code: string; message: string } | null;
}

/** Enough to judge by, and a busy connection costs no more than another. */
const maxAttempts = 50;

/** Judged by its newest attempts, which an index has in their order. */
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
