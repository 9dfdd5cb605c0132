import { type Clock, dateNow } from '../core/clock.ts';
import { computeOutageDelayMs } from '../core/retry-schedule.ts';
import type { Alert, AlertEvent, Database, Executor, AlertWay as NotifierName } from '../database/client.ts';

export type { AlertEvent, AlertWay as NotifierName } from '../database/client.ts';

/** An alert that is to be told, as raised or as recovered. */
export interface AlertNotification {
  readonly event: AlertEvent;
  readonly alert: Alert;
  /** The location's or company's own name. */
  readonly name: string | null;
  readonly wantedAt: Date;
}

/** Two looks must have seen it: what flickers is nobody's concern. */
const pendingForMs = 90_000;
/** What comes and goes is told no more often. */
const renotifyIntervalMs = 60 * 60 * 1000;
/** Longer than telling takes. What a killed process had in hand is told by another after this. */
const claimTtlMs = 2 * 60 * 1000;

/** Sees to it that every open alert is told, once each way. */
export async function scheduleNotifications({
  db,
  clock,
  notifiers,
}: {
  db: Database;
  clock: Clock;
  notifiers: ReadonlyMap<NotifierName, unknown>;
}) {
  const now = dateNow(clock);
  const names = [...notifiers.keys()];
  if (names.length === 0) return;
  await db.client.$executeRaw`
    INSERT INTO alert_tellings (alert_id, way, event, wanted_at, due_at)
    SELECT a.id, w.way::alert_way, 'raised', ${now}, GREATEST(${new Date(now.getTime() + pendingForMs)}::timestamptz, (
      SELECT max(COALESCE(t.told_at, t.wanted_at)) + ${renotifyIntervalMs} * interval '1 ms'
      FROM alerts b JOIN alert_tellings t ON t.alert_id = b.id
      WHERE b.kind = a.kind AND b.subject = a.subject AND t.way = w.way::alert_way AND t.event = 'raised'))
    FROM alerts a CROSS JOIN unnest(${names}::text[]) AS w (way)
    WHERE a.open_key IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM alert_tellings t WHERE t.alert_id = a.id AND t.way = w.way::alert_way AND t.event = 'raised')
    ON CONFLICT DO NOTHING`;
}

/** These alerts are over: whoever was told of one is told of that too; what nobody was told yet is told to nobody. */
export async function scheduleResolved(tx: Executor, alertIds: readonly string[], now: Date): Promise<void> {
  const ids = [...alertIds];
  await tx.$executeRaw`DELETE FROM alert_tellings WHERE alert_id = ANY (${ids}::uuid[]) AND event = 'raised' AND tries = 0`;
  await tx.$executeRaw`
    INSERT INTO alert_tellings (alert_id, way, event, wanted_at, due_at)
    SELECT alert_id, way, 'recovered', ${now}, ${now} FROM alert_tellings WHERE alert_id = ANY (${ids}::uuid[]) AND event = 'raised'
    ON CONFLICT DO NOTHING`;
}

/** Takes what is due to be told in one way, so that nobody else tells it. A recovery is due only when its beginning was told. */
export async function claimNotifications(
  deps: { db: Database; clock: Clock },
  notifier: NotifierName,
  maxCount: number,
): Promise<AlertNotification[]> {
  const now = dateNow(deps.clock);
  const claimed = await deps.db.client.$queryRaw<{ alertId: string; event: AlertEvent; wantedAt: Date }[]>`
    UPDATE alert_tellings SET due_at = ${new Date(now.getTime() + claimTtlMs)}, tries = tries + 1
    WHERE (alert_id, way, event) IN (
      SELECT alert_id, way, event FROM alert_tellings t
      WHERE due_at <= ${now} AND way = ${notifier}::alert_way AND (event = 'raised' OR EXISTS (
        SELECT 1 FROM alert_tellings r
        WHERE r.alert_id = t.alert_id AND r.way = t.way AND r.event = 'raised' AND r.told_at IS NOT NULL))
      ORDER BY due_at LIMIT ${maxCount} FOR UPDATE SKIP LOCKED)
    RETURNING alert_id::text AS "alertId", event::text AS event, wanted_at AS "wantedAt"`;
  if (claimed.length === 0) return [];
  const alerts = await deps.db.client.alert.findMany({ where: { id: { in: claimed.map(({ alertId }) => alertId) } } });
  const names = await findNames(deps.db, alerts);
  return claimed
    .flatMap(({ alertId, event, wantedAt }) => {
      const alert = alerts.find(({ id }) => id === alertId);
      return alert ? [{ event, alert, wantedAt, name: names.get(toOwnerId(alert)) ?? null }] : [];
    })
    .toSorted((a, b) => (a.alert.id < b.alert.id ? -1 : 1));
}

/** Tried and told, or to be tried again after the outage schedule. */
export async function recordNotificationResult(
  deps: { db: Database; clock: Clock; jitter: () => number },
  notifier: NotifierName,
  notifications: readonly AlertNotification[],
  isSent: boolean,
): Promise<void> {
  const now = dateNow(deps.clock);
  const rows = notifications.map(({ event, alert, wantedAt }) => ({
    id: alert.id,
    event,
    dueAt: isSent ? null : new Date(now.getTime() + computeOutageDelayMs(now.getTime() - wantedAt.getTime(), deps.jitter())),
  }));
  await deps.db.client.$executeRaw`
    UPDATE alert_tellings SET due_at = s."dueAt", told_at = ${isSent ? now : null}::timestamptz
    FROM json_to_recordset(${JSON.stringify(rows)}::json) AS s (id uuid, event alert_event, "dueAt" timestamptz)
    WHERE alert_id = s.id AND alert_tellings.event = s.event AND told_at IS NULL AND way = ${notifier}::alert_way`;
}

function toOwnerId({ locationId, companyId }: Alert): string {
  return locationId ?? companyId ?? '';
}

async function findNames(db: Database, alerts: readonly Alert[]): Promise<Map<string, string | null>> {
  const rows = await db.client.installation.findMany({
    where: { resourceId: { in: alerts.map(toOwnerId).filter(Boolean) } },
    select: { resourceId: true, name: true },
  });
  return new Map(rows.map(({ resourceId, name }) => [resourceId, name]));
}
