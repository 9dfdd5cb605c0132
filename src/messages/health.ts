import type { Database } from '../database/client.ts';

/** How a connection has done lately. */
export interface Health {
  /** When the newest message that is known to have arrived was sent, among the last attempts. */
  readonly deliveredAt: Date | null;
  readonly lastAt: Date | null;
  /** How many attempts in a row have failed up to now, and why the last of them did. */
  readonly failedInRow: number;
  readonly reason: { code: string; message: string } | null;
}

/** Enough to judge by, and a busy connection costs no more than another. */
const attemptsAtMost = 50;

/** Judged by its newest attempts, which an index has in their order. */
export async function connectionHealth({ db }: { db: Database }, connectionId: string): Promise<Health> {
  const attempts = await db.client.attempt.findMany({
    where: { connectionId, endedAt: { not: null } },
    orderBy: { endedAt: 'desc' },
    take: attemptsAtMost,
    select: { endedAt: true, outcome: true, code: true, reason: true, message: { select: { state: true } } },
  });
  const firstGood = attempts.findIndex(({ outcome }) => outcome === 'accepted' || outcome === 'delivered');
  const [last] = attempts;
  const arrived = attempts.find(({ message }) => message.state === 'delivered' || message.state === 'read');
  const failedInRow = firstGood === -1 ? attempts.length : firstGood;
  return {
    deliveredAt: arrived?.endedAt ?? null,
    lastAt: last?.endedAt ?? null,
    failedInRow,
    reason: failedInRow > 0 && last?.reason ? { code: last.code ?? 'failed', message: last.reason } : null,
  };
}
