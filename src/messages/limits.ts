import { deliverySettingsOf } from '../channels/delivery-settings.ts';
import { type Clock, nowOf } from '../core/clock.ts';
import { nextDayAt } from '../core/local-days.ts';
import { localTime, opensAt } from '../core/local-time.ts';
import type { Database } from '../database/client.ts';
import { location } from '../highlevel/client.ts';
import type { Connection } from '../installations/connections.ts';
import type { Installation } from '../installations/store.ts';
import { paceKey, rest } from '../queue/pace.ts';
import type { Reason } from './next-step.ts';
import { type ReasonCode, reason } from './reasons.ts';

export interface LimitDeps {
  db: Database;
  clock: Clock;
  installationOf(owner: ReturnType<typeof location>): Promise<Installation | null>;
}

/**
 * Whether a connection may send now, by its window and its daily cap; if so, one send is counted (see `giveBack`). Rate and concurrency are kept by the
 * queue before it hands a job out.
 *
 * @returns null when it may; else until when the whole connection waits, or why the message fails
 */
export async function overLimit(
  deps: LimitDeps,
  connection: Connection,
): Promise<{ wait: { at: Date; why: Reason; dueAt: Date } } | { refused: Reason } | null> {
  const { sendingWindow, dailyCap, whenOver } = deliverySettingsOf(connection.config);
  if (!sendingWindow && dailyCap === undefined) return null;
  const key = paceKey.sending(connection);
  const zone = await zoneOf(deps, connection);
  const nowMs = deps.clock.now();

  const over = async (untilMs: number, code: ReasonCode) => {
    const why = reason(code);
    if (whenOver === 'fail') return { refused: why };
    const at = new Date(untilMs);
    // The others need not be looked at one by one.
    await rest(deps, key, at, why);
    return { wait: { at, why, dueAt: new Date(nowMs) } };
  };

  const windowAt = sendingWindow ? opensAt(sendingWindow, nowMs, zone) : null;
  if (windowAt !== null) return over(windowAt, 'outside_window');
  if (dailyCap !== undefined && !(await countSend(deps, key, localTime(nowMs, zone).day, dailyCap))) {
    return over(nextDayAt(nowMs, zone), 'daily_cap');
  }
  return null;
}

/** @returns whether the day had one left */
async function countSend(deps: LimitDeps, key: string, day: string, cap: number): Promise<boolean> {
  const rows = await deps.db.client.$queryRaw<unknown[]>`
    INSERT INTO paces (key, busy_until, day, sent_today) VALUES (${key}, ${nowOf(deps.clock)}, ${day}, 1)
    ON CONFLICT (key) DO UPDATE
      SET busy_until = GREATEST(paces.busy_until, EXCLUDED.busy_until), day = ${day}, sent_today = CASE WHEN paces.day = ${day} THEN paces.sent_today + 1 ELSE 1 END
      WHERE paces.day IS DISTINCT FROM ${day} OR paces.sent_today < ${cap}
    RETURNING 1`;
  return rows.length > 0;
}

/** What was counted at a time and has not left after all is taken off its day, with the rest that it may have led to. */
export async function giveBack(deps: LimitDeps, connection: Connection, atMs: number): Promise<void> {
  if (deliverySettingsOf(connection.config).dailyCap === undefined) return;
  const key = paceKey.sending(connection);
  const { day } = localTime(atMs, await zoneOf(deps, connection));
  await deps.db.client.$executeRaw`
    UPDATE paces SET sent_today = sent_today - 1,
      blocked_until = CASE WHEN blocked_code IS DISTINCT FROM 'daily_cap' THEN blocked_until END
    WHERE key = ${key} AND day = ${day} AND sent_today > 0`;
}

async function zoneOf(deps: LimitDeps, { locationId }: Connection): Promise<string> {
  return (await deps.installationOf(location(locationId)))?.timezone ?? 'UTC';
}
