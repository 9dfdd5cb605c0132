import { type Clock, dateNow } from '../core/clock.ts';
import { computeOutageDelayMs } from '../core/retry-schedule.ts';
import type { Alert, AlertEvent, Database, Executor, AlertNotifier as NotifierName } from '../database/client.ts';
import { findInstallationNames } from '../installations/store.ts';

export type { AlertEvent, AlertNotifier as NotifierName } from '../database/client.ts';

/** A notification about an alert that has triggered or resolved. */
export interface AlertNotification {
  readonly event: AlertEvent;
  readonly alert: Alert;
  /** The location's or company's own name. */
  readonly name: string | null;
  readonly requestedAt: Date;
}

/** An alert must last for two evaluations before it notifies, so that a brief condition does not. */
const pendingForMs = 90_000;
/** Minimum interval between notifications of the same subject. */
const renotifyIntervalMs = 60 * 60 * 1000;
/** Longer than a notifier takes. After this, another process sends the notifications of a process that was killed. */
const claimTtlMs = 2 * 60 * 1000;

/** Schedules one notification of each open alert for each notifier. */
export async function scheduleNotifications(
  { db, clock }: { db: Database; clock: Clock },
  names: readonly NotifierName[],
): Promise<void> {
  const now = dateNow(clock);
  if (names.length === 0) return;
  await db.client.$executeRaw`
    INSERT INTO alert_notifications (alert_id, notifier, event, requested_at, next_attempt_at)
    SELECT a.id, w.notifier::alert_notifier, 'triggered', ${now}, GREATEST(${new Date(now.getTime() + pendingForMs)}::timestamptz, (
      SELECT max(COALESCE(t.sent_at, t.requested_at)) + ${renotifyIntervalMs} * interval '1 ms'
      FROM alerts b JOIN alert_notifications t ON t.alert_id = b.id
      WHERE b.kind = a.kind AND b.subject = a.subject AND t.notifier = w.notifier::alert_notifier AND t.event = 'triggered'))
    FROM alerts a CROSS JOIN unnest(${[...names]}::text[]) AS w (notifier)
    WHERE a.dedup_key IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM alert_notifications t WHERE t.alert_id = a.id AND t.notifier = w.notifier::alert_notifier AND t.event = 'triggered')
    ON CONFLICT DO NOTHING`;
}

/** Schedules notifications that these alerts have resolved. An alert that has not notified yet notifies neither way. */
export async function scheduleResolved(tx: Executor, alertIds: readonly string[], now: Date): Promise<void> {
  const ids = [...alertIds];
  await tx.$executeRaw`DELETE FROM alert_notifications WHERE alert_id = ANY (${ids}::uuid[]) AND event = 'triggered' AND attempt_count = 0`;
  await tx.$executeRaw`
    INSERT INTO alert_notifications (alert_id, notifier, event, requested_at, next_attempt_at)
    SELECT alert_id, notifier, 'resolved', ${now}, ${now} FROM alert_notifications WHERE alert_id = ANY (${ids}::uuid[]) AND event = 'triggered'
    ON CONFLICT DO NOTHING`;
}

/** Claims the due notifications of one notifier for this process. A resolved alert notifies only after its trigger has been sent. */
export async function claimNotifications(
  deps: { db: Database; clock: Clock },
  notifier: NotifierName,
  maxCount: number,
): Promise<AlertNotification[]> {
  const now = dateNow(deps.clock);
  const claimed = await deps.db.client.$queryRaw<{ alertId: string; event: AlertEvent; requestedAt: Date }[]>`
    UPDATE alert_notifications SET next_attempt_at = ${new Date(now.getTime() + claimTtlMs)}, attempt_count = attempt_count + 1
    WHERE (alert_id, notifier, event) IN (
      SELECT alert_id, notifier, event FROM alert_notifications t
      WHERE next_attempt_at <= ${now} AND notifier = ${notifier}::alert_notifier AND (event = 'triggered' OR EXISTS (
        SELECT 1 FROM alert_notifications r
        WHERE r.alert_id = t.alert_id AND r.notifier = t.notifier AND r.event = 'triggered' AND r.sent_at IS NOT NULL))
      ORDER BY next_attempt_at LIMIT ${maxCount} FOR UPDATE SKIP LOCKED)
    RETURNING alert_id::text AS "alertId", event::text AS event, requested_at AS "requestedAt"`;
  if (claimed.length === 0) return [];
  const alerts = await deps.db.client.alert.findMany({ where: { id: { in: claimed.map(({ alertId }) => alertId) } } });
  const names = await findInstallationNames(deps.db.client, alerts.map(toOwnerId).filter(Boolean));
  return claimed
    .flatMap(({ alertId, event, requestedAt }) => {
      const alert = alerts.find(({ id }) => id === alertId);
      return alert ? [{ event, alert, requestedAt, name: names.get(toOwnerId(alert)) ?? null }] : [];
    })
    .toSorted((a, b) => (a.alert.id < b.alert.id ? -1 : 1));
}

/** Records the result of notifications: sent, or to be retried by the outage schedule. */
export async function recordNotificationResult(
  deps: { db: Database; clock: Clock; jitter: () => number },
  notifier: NotifierName,
  notifications: readonly AlertNotification[],
  isSent: boolean,
): Promise<void> {
  const now = dateNow(deps.clock);
  const rows = notifications.map(({ event, alert, requestedAt }) => ({
    id: alert.id,
    event,
    dueAt: isSent ? null : new Date(now.getTime() + computeOutageDelayMs(now.getTime() - requestedAt.getTime(), deps.jitter())),
  }));
  await deps.db.client.$executeRaw`
    UPDATE alert_notifications SET next_attempt_at = s."dueAt", sent_at = ${isSent ? now : null}::timestamptz
    FROM json_to_recordset(${JSON.stringify(rows)}::json) AS s (id uuid, event alert_event, "dueAt" timestamptz)
    WHERE alert_id = s.id AND alert_notifications.event = s.event AND sent_at IS NULL AND notifier = ${notifier}::alert_notifier`;
}

function toOwnerId({ locationId, companyId }: Alert): string {
  return locationId ?? companyId ?? '';
}
