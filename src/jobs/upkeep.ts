import { type Clock, nowOf } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;

/** Removes, once an hour, what nobody needs any more. @returns stops it */
export function startUpkeep(deps: { db: Database; clock: Clock; log: Log }): () => void {
  const timer = deps.clock.setInterval(() => {
    tidy(deps).catch((error: unknown) => deps.log.error({ err: error }, 'upkeep failed'));
  }, hourMs);
  return () => deps.clock.clearInterval(timer);
}

/** Expired browser sessions, and limits that have long been unused. */
export async function tidy(deps: { db: Database; clock: Clock }): Promise<void> {
  const now = nowOf(deps.clock);
  await deps.db.client.session.deleteMany({ where: { expiresAt: { lt: now } } });
  await deps.db.client.pace.deleteMany({
    where: {
      busyUntil: { lt: new Date(now.getTime() - dayMs) },
      OR: [{ blockedUntil: null }, { blockedUntil: { lt: now } }],
    },
  });
}
