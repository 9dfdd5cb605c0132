import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Alert, AlertKind, Database, Executor } from '../database/client.ts';
import { claimPeriodicTask } from '../database/periodic-lock.ts';
import { recordEvents } from '../outbox/record-events.ts';
import type { OutboxKind } from '../outbox/webhook-types.ts';
import type { Log } from '../runtime/log.ts';
import { type AlertThresholds, alertKinds, type Finding, type OpenAlerts } from './alert.ts';
import { type NotifierName, scheduleNotifications, scheduleResolved } from './notifications.ts';
import { findAuthFailures } from './rules/auth-failures.ts';
import { findDisconnectedChannels } from './rules/channel-disconnected.ts';
import { findFailingChannels } from './rules/channel-failing.ts';
import { findHeldConnections } from './rules/connection-held.ts';
import { findSilentLocations } from './rules/location-silent.ts';
import { findMailComplaints } from './rules/mail-complaints.ts';
import { findMissingPermissions } from './rules/permission-missing.ts';
import { findLateQueues } from './rules/queue-latency.ts';
import { findLowQuotas } from './rules/quota-low.ts';
import { findReauthRequired } from './rules/reauth-required.ts';
import { findInvalidSignatures } from './rules/signatures-invalid.ts';
import { findDisabledEndpoints } from './rules/webhook-disabled.ts';
import { findMisplacedWebhooks } from './rules/webhooks-misplaced.ts';

export interface EvaluateDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  log: Log;
  alertThresholds: AlertThresholds;
  /** The operator's notifiers, by name. */
  notifiers: ReadonlyMap<NotifierName, unknown>;
}

/** An evaluation of all rules for all locations takes a handful of statements. */
const evaluateIntervalMs = 60_000;

type AlertRule = (on: Executor, open: OpenAlerts, thresholds: AlertThresholds, now: Date) => Promise<Finding[]>;

const alertRules: Readonly<Record<AlertKind, AlertRule>> = {
  channel_failing: findFailingChannels,
  channel_held: (on) => findHeldConnections(on),
  channel_disconnected: (on, _open, _thresholds, now) => findDisconnectedChannels(on, now),
  location_silent: findSilentLocations,
  reauth_required: findReauthRequired,
  quota_low: findLowQuotas,
  queue_latency: findLateQueues,
  signatures_invalid: findInvalidSignatures,
  permission_missing: findMissingPermissions,
  addresses_mixed_up: (on, _open, _thresholds, now) => findMisplacedWebhooks(on, now),
  auth_failures: findAuthFailures,
  mail_complaints: (on, _open, _thresholds, now) => findMailComplaints(on, now),
  webhook_disabled: (on) => findDisabledEndpoints(on),
};

/**
 * Evaluates all alert rules, once a minute across all processes: triggers new alerts and resolves those whose condition has ended.
 * Concurrent evaluations open an alert only once.
 *
 * @returns 0: the next evaluation is due in a minute
 */
export async function evaluateAlerts(deps: EvaluateDeps): Promise<number> {
  if (!(await claimPeriodicTask(deps, 'alerts', evaluateIntervalMs))) return 0;
  const { client } = deps.db;
  const open = await client.alert.findMany({ where: { dedupKey: { not: null } } });
  for (const kind of alertKinds) {
    const openOfKind = new Map(open.filter((alert) => alert.kind === kind).map((alert) => [alert.subject, alert]));
    try {
      const findings = await alertRules[kind](client, openOfKind, deps.alertThresholds, dateNow(deps.clock));
      await applyFindings(deps, kind, findings, [...openOfKind.values()]);
    } catch (error) {
      // The other rules still run, and the open alerts of this rule stay open.
      deps.log.error({ err: error, kind }, 'alert rule could not be evaluated');
    }
  }
  await scheduleNotifications(deps, [...deps.notifiers.keys()]);
  return 0;
}

/** Opens and resolves the alerts of a kind so that they match the findings. */
async function applyFindings(
  deps: EvaluateDeps,
  kind: AlertKind,
  findings: readonly Finding[],
  open: readonly Alert[],
): Promise<void> {
  const found = new Set(findings.map(({ subject }) => subject));
  const resolvedIds = open.filter(({ subject }) => !found.has(subject)).map(({ id }) => id);
  if (findings.length === 0 && resolvedIds.length === 0) return;
  const now = dateNow(deps.clock);
  // Sort by subject: concurrent evaluations then lock rows in the same order and cannot deadlock.
  const rows = findings
    .toSorted((a, b) => (a.subject < b.subject ? -1 : 1))
    .map((finding) => ({ ...finding, id: deps.newId(), dedupKey: `${kind}/${finding.subject}` }));
  await deps.db.transaction(async (tx) => {
    const written = await tx.$queryRaw<{ id: string }[]>`
      INSERT INTO alerts (id, kind, subject, dedup_key, location_id, company_id, details, started_at, last_seen_at)
      SELECT id, ${kind}::alert_kind, subject, "dedupKey", "locationId", "companyId", details, ${now}, ${now}
      FROM json_to_recordset(${JSON.stringify(rows)}::json)
        AS f (id uuid, subject text, "dedupKey" text, "locationId" text, "companyId" text, details text)
      ON CONFLICT (dedup_key) DO UPDATE
        SET last_seen_at = EXCLUDED.last_seen_at, details = EXCLUDED.details, company_id = EXCLUDED.company_id
      RETURNING id::text`;
    const opened = new Set(written.map(({ id }) => id));
    // An alert that was open keeps its id.
    await recordAlerts(
      tx,
      'alert_triggered',
      kind,
      rows.filter(({ id }) => opened.has(id)),
      now,
    );
    if (resolvedIds.length === 0) return;
    await tx.$executeRaw`
      UPDATE alerts SET dedup_key = NULL, ended_at = ${now} WHERE id = ANY (${resolvedIds}::uuid[]) AND ended_at IS NULL`;
    await scheduleResolved(tx, resolvedIds, now);
    await recordAlerts(
      tx,
      'alert_resolved',
      kind,
      open.filter(({ id }) => resolvedIds.includes(id)),
      now,
    );
  });
}

/** Writes events for the endpoints of the alerts' locations. */
async function recordAlerts(
  tx: Executor,
  event: Extract<OutboxKind, 'alert_triggered' | 'alert_resolved'>,
  kind: AlertKind,
  alerts: readonly Pick<Alert, 'id' | 'locationId' | 'details'>[],
  now: Date,
): Promise<void> {
  const events = alerts.flatMap(({ id, locationId, details }) =>
    locationId === null
      ? []
      : [{ kind: event, locationId, connectionId: null, facts: { alertId: id, alertKind: kind, details } }],
  );
  if (events.length > 0) await recordEvents(tx, events, now);
}
