import { parseDeliverySettings } from '../../channels/delivery-settings.ts';
import type { Connection } from '../../connections/connect.ts';
import { toConnectionGroupKey } from '../../connections/queue-group.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { findNextDayStart } from '../../core/local-days.ts';
import { findNextOpening, toLocalTime } from '../../core/local-time.ts';
import type { Database } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import type { Installation } from '../../installations/store.ts';
import { pause } from '../../queue/rate-limits.ts';
import type { Log } from '../../runtime/log.ts';
import { getReason, type ReasonCode } from '../model/reasons.ts';
import type { Reason } from './next-step.ts';

export interface SendLimitDeps {
  db: Database;
  clock: Clock;
  log: Log;
  installationOf(owner: ReturnType<typeof toLocationOwner>): Promise<Installation | null>;
}

type LimitDecision = { wait: { at: Date; reason: Reason; dueAt: Date } } | { rejected: Reason };

/**
 * Whether a connection may send now, by its window and its daily cap; if so, one send is counted (see `refundDailyCap`). Rate and concurrency
 * are kept by the queue before it hands a job out.
 *
 * @returns null when it may; else until when the whole connection waits, or why the message fails
 */
export async function checkSendLimits(deps: SendLimitDeps, connection: Connection): Promise<LimitDecision | null> {
  const { sendingWindow, dailyCap, whenOver } = parseDeliverySettings(connection.config);
  if (!sendingWindow && dailyCap === undefined) return null;
  const key = toConnectionGroupKey(connection);
  const zone = await getTimeZone(deps, connection);
  const nowMs = deps.clock.now();

  const toDecision = (untilMs: number, code: ReasonCode): LimitDecision =>
    whenOver === 'fail'
      ? { rejected: getReason(code) }
      : { wait: { at: new Date(untilMs), reason: getReason(code), dueAt: new Date(nowMs) } };

  const windowAt = sendingWindow ? findNextOpening(sendingWindow, nowMs, zone) : null;
  if (windowAt !== null) {
    const decision = toDecision(windowAt, 'outside_window');
    // The others need not be looked at one by one.
    if ('wait' in decision) await pause(deps, key, decision.wait.at, decision.wait.reason);
    return decision;
  }
  if (dailyCap === undefined) return null;
  const { day } = toLocalTime(nowMs, zone);
  while (!(await consumeDailyCap(deps, key, day, dailyCap))) {
    const answer = toDecision(findNextDayStart(nowMs, zone), 'daily_cap');
    if ('rejected' in answer || (await pauseUntilTomorrow(deps, key, day, dailyCap, answer.wait.at))) return answer;
  }
  return null;
}

/** Lets the lane rest while its day is used up; one may just have been given back. @returns whether it still is */
async function pauseUntilTomorrow(deps: SendLimitDeps, key: string, day: string, cap: number, until: Date): Promise<boolean> {
  const { code, message } = getReason('daily_cap');
  const rows = await deps.db.client.$queryRaw<unknown[]>`
    UPDATE rate_limits SET paused_until = CASE WHEN paused_until > ${until} AND paused_until < ${until}::timestamptz + interval '8 days'
        THEN paused_until ELSE ${until} END, pause_code = ${code}, pause_reason = ${message}
    WHERE key = ${key} AND daily_count_date = ${day} AND daily_count >= ${cap} RETURNING 1`;
  return rows.length > 0;
}

/** @returns whether the day had one left */
async function consumeDailyCap(deps: SendLimitDeps, key: string, day: string, cap: number): Promise<boolean> {
  const rows = await deps.db.client.$queryRaw<unknown[]>`
    INSERT INTO rate_limits (key, tat_at, daily_count_date, daily_count) VALUES (${key}, ${dateNow(deps.clock)}, ${day}, 1)
    ON CONFLICT (key) DO UPDATE
      SET tat_at = GREATEST(rate_limits.tat_at, EXCLUDED.tat_at), daily_count_date = ${day},
        daily_count = CASE WHEN rate_limits.daily_count_date = ${day} THEN rate_limits.daily_count + 1 ELSE 1 END
      WHERE rate_limits.daily_count_date IS DISTINCT FROM ${day} OR rate_limits.daily_count < ${cap}
    RETURNING 1`;
  return rows.length > 0;
}

/**
 * What was counted at a time and has not left after all is taken off its day, with the rest that it may have led to. Never throws: the
 * job has ended by then and may be in hand again, and a place too few is no harm.
 */
export async function refundDailyCap(deps: SendLimitDeps, connection: Connection, countedAtMs: number): Promise<void> {
  if (parseDeliverySettings(connection.config).dailyCap === undefined) return;
  const key = toConnectionGroupKey(connection);
  try {
    const { day } = toLocalTime(countedAtMs, await getTimeZone(deps, connection));
    await deps.db.client.$executeRaw`
      UPDATE rate_limits SET daily_count = daily_count - 1,
        paused_until = CASE WHEN pause_code IS DISTINCT FROM 'daily_cap' THEN paused_until END
      WHERE key = ${key} AND daily_count_date = ${day} AND daily_count > 0`;
  } catch (error) {
    deps.log.warn({ err: error, locationId: connection.locationId }, 'a send that was put off still counts today');
  }
}

async function getTimeZone(deps: SendLimitDeps, { locationId }: Connection): Promise<string> {
  return (await deps.installationOf(toLocationOwner(locationId)))?.timezone ?? 'UTC';
}
