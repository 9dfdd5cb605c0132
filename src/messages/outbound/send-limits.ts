import { type DeliverySettings, parseDeliverySettings, type SendingWindow } from '../../channels/delivery-settings.ts';
import type { Connection } from '../../connections/connection.ts';
import { type GroupOwner, toConnectionGroupKey, toSenderLimitKey } from '../../connections/queue-group.ts';
import type { ConfiguredSender } from '../../connections/sender-settings.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { findNextDayStart } from '../../core/local-days.ts';
import { findNextOpening, toLocalTime } from '../../core/local-time.ts';
import { findQuietHoursEnd } from '../../core/quiet-hours.ts';
import type { Database } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import type { Installation } from '../../installations/store.ts';
import { pause } from '../../queue/rate-limits.ts';
import type { Log } from '../../runtime/log.ts';
import type { Reason } from '../model/reasons.ts';
import { getReason, type ReasonCode } from '../model/reasons.ts';

export interface SendLimitDeps {
  db: Database;
  clock: Clock;
  log: Log;
  installationOf(owner: ReturnType<typeof toLocationOwner>): Promise<Installation | null>;
}

export type LimitDecision = { wait: { at: Date; reason: Reason; dueAt: Date } } | { rejected: Reason };

/** A message that waits for the end of quiet hours is checked again so often: the setting may change. */
const quietHoursCheckMs = 60 * 60 * 1000;

/** A connection, the settings of the sender that it sends from, and the normalized address of the recipient. */
export interface LimitedRoute {
  readonly connection: Connection;
  readonly sender: ConfiguredSender | null;
  readonly outbound: { readonly to: string };
}

/**
 * Checks the sending windows and the daily caps of a connection and its sender, and the quiet hours of the contact's country, and counts one
 * send if all allow it (see `refundDailyCap`). The queue enforces a connection's rate and concurrency before it claims a job.
 *
 * @returns null when the message may be sent; else the end of the pause, or the reason for which the message fails
 */
export async function checkSendLimits(
  deps: SendLimitDeps,
  { connection, sender, outbound: { to } }: LimitedRoute,
): Promise<LimitDecision | null> {
  const ofSender = sender && (await checkLimits(deps, connection, toSenderLimits(connection, sender), to));
  if (ofSender) return toSenderDecision(ofSender);
  const limits = { ...getSettings(connection), key: toConnectionGroupKey(connection) };
  const ofConnection = await checkLimits(deps, connection, limits, to);
  if (ofConnection && sender) await refund(deps, connection, toSenderLimits(connection, sender), deps.clock.now());
  return ofConnection;
}

/**
 * Checks the sending windows and quiet hours once more, for a send that was held up since {@link checkSendLimits}. Counts no send.
 *
 * @returns as `checkSendLimits`
 */
export async function checkSendTimes(
  deps: SendLimitDeps,
  { connection, sender, outbound: { to } }: LimitedRoute,
): Promise<LimitDecision | null> {
  const uncounted = { dailyCap: undefined };
  const ofSender = sender && (await checkLimits(deps, connection, { ...toSenderLimits(connection, sender), ...uncounted }, to));
  if (ofSender) return toSenderDecision(ofSender);
  const key = toConnectionGroupKey(connection);
  return checkLimits(deps, connection, { ...getSettings(connection), key, ...uncounted }, to);
}

/** Returns the decision of a sender's limits: the group of its connection is not paused, as its other senders go on. */
function toSenderDecision(decision: LimitDecision): LimitDecision {
  return 'wait' in decision ? { wait: { ...decision.wait, dueAt: decision.wait.at } } : decision;
}

/** Limits of a connection or of one sender, under the key of their row. */
interface Limits {
  readonly key: string;
  readonly sendingWindow?: SendingWindow | undefined;
  readonly dailyCap?: number | undefined;
  readonly quietHours?: DeliverySettings['quietHours'];
  readonly whenOver: 'wait' | 'fail';
}

function toSenderLimits(connection: Connection, sender: ConfiguredSender): Limits {
  const { sendingWindow, dailyCap } = sender;
  const { whenOver } = getSettings(connection);
  return {
    key: toSenderLimitKey(sender),
    sendingWindow: sendingWindow ?? undefined,
    dailyCap: dailyCap ?? undefined,
    whenOver,
  };
}

async function checkLimits(
  deps: SendLimitDeps,
  connection: Connection,
  { key, sendingWindow, quietHours, dailyCap, whenOver }: Limits,
  to: string,
): Promise<LimitDecision | null> {
  if (!sendingWindow && quietHours !== 'by_country' && dailyCap === undefined) return null;
  const zone = await getTimeZone(deps, connection);
  const nowMs = deps.clock.now();

  const toDecision = (untilMs: number, code: ReasonCode, dueMs = nowMs): LimitDecision =>
    whenOver === 'fail'
      ? { rejected: getReason(code) }
      : { wait: { at: new Date(untilMs), reason: getReason(code), dueAt: new Date(dueMs) } };

  const windowAt = sendingWindow ? findNextOpening(sendingWindow, nowMs, zone) : null;
  if (windowAt !== null) {
    const decision = toDecision(windowAt, 'outside_window');
    // One pause for the whole group: its other messages need no check of their own.
    if ('wait' in decision) await pause(deps, key, decision.wait.at, decision.wait.reason);
    return decision;
  }
  // Those of other contacts may be over: the messages of this one alone wait, in their order.
  const quietUntil = quietHours === 'by_country' ? findQuietHoursEnd(to, nowMs) : null;
  if (quietUntil !== null) return toDecision(quietUntil, 'quiet_hours', Math.min(quietUntil, nowMs + quietHoursCheckMs));
  if (dailyCap === undefined) return null;
  const { day } = toLocalTime(nowMs, zone);
  while (!(await consumeDailyCap(deps, key, day, dailyCap))) {
    const decision = toDecision(findNextDayStart(nowMs, zone), 'daily_cap');
    if ('rejected' in decision || (await pauseUntilTomorrow(deps, key, day, dailyCap, decision.wait.at))) return decision;
  }
  return null;
}

/** Lets all messages of a connection wait, because its vendor asks for it. */
export async function pauseConnection(
  deps: Pick<SendLimitDeps, 'db' | 'clock'>,
  connection: GroupOwner,
  until: Date,
): Promise<void> {
  await pause(deps, toConnectionGroupKey(connection), until, getReason('vendor_limit'));
}

/** Pauses a group until its next day, unless a send has been refunded since. @returns true when the cap is still reached */
async function pauseUntilTomorrow(deps: SendLimitDeps, key: string, day: string, cap: number, until: Date): Promise<boolean> {
  const { code, message } = getReason('daily_cap');
  const rows = await deps.db.client.$queryRaw<unknown[]>`
    UPDATE rate_limits SET paused_until = CASE WHEN paused_until > ${until} AND paused_until < ${until}::timestamptz + interval '8 days'
        THEN paused_until ELSE ${until} END, pause_code = ${code}, pause_reason = ${message}
    WHERE key = ${key} AND daily_count_date = ${day} AND daily_count >= ${cap} RETURNING 1`;
  return rows.length > 0;
}

/** Counts one send of the day. @returns false when the cap is reached */
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
 * Takes a send that did not happen off the day in which it was counted, and ends the pause that it may have caused. Never throws: the job
 * is finished by then and may be running again, and a count that is one too high does no harm.
 */
export async function refundDailyCap(
  deps: SendLimitDeps,
  { connection, sender }: Omit<LimitedRoute, 'outbound'>,
  countedAtMs: number,
): Promise<void> {
  const { dailyCap } = getSettings(connection);
  await refund(deps, connection, { key: toConnectionGroupKey(connection), dailyCap }, countedAtMs);
  if (sender) await refund(deps, connection, toSenderLimits(connection, sender), countedAtMs);
}

async function refund(
  deps: SendLimitDeps,
  connection: Connection,
  { key, dailyCap }: Pick<Limits, 'key' | 'dailyCap'>,
  countedAtMs: number,
): Promise<void> {
  if (dailyCap === undefined) return;
  try {
    const { day } = toLocalTime(countedAtMs, await getTimeZone(deps, connection));
    await deps.db.client.$executeRaw`
      UPDATE rate_limits SET daily_count = daily_count - 1,
        paused_until = CASE WHEN pause_code IS DISTINCT FROM 'daily_cap' THEN paused_until END
      WHERE key = ${key} AND daily_count_date = ${day} AND daily_count > 0`;
  } catch (error) {
    deps.log.warn(
      { err: error, locationId: connection.locationId },
      'a deferred send could not be refunded and counts against the daily cap',
    );
  }
}

function getSettings({ config, channel }: Connection) {
  return parseDeliverySettings(config, channel.defaultDelivery);
}

async function getTimeZone(deps: SendLimitDeps, { locationId }: Connection): Promise<string> {
  return (await deps.installationOf(toLocationOwner(locationId)))?.timezone ?? 'UTC';
}
