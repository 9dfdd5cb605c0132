import type { Alerts } from '../compose/alerts.ts';
import type { Connections } from '../compose/connections.ts';
import type { Installations } from '../compose/installations.ts';
import type { Messaging } from '../compose/messaging.ts';
import type { OutgoingWebhooks } from '../compose/outgoing-webhooks.ts';
import type { Privacy } from '../compose/privacy.ts';
import type { Workflows } from '../compose/workflows.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import { runPollLoop } from '../runtime/poll-loop.ts';
import { type CleanupDeps, runCleanup } from './cleanup.ts';

/** Capabilities that the background tasks call. */
export interface PeriodicTaskDeps extends CleanupDeps {
  connections: CleanupDeps['connections'] &
    Pick<Connections, 'setUpDueConnections' | 'checkDueConnections' | 'freeProviderGroups'>;
  installations: Pick<Installations, 'applyDueEvents' | 'reconcileDueInstallations'>;
  messaging: Pick<
    Messaging,
    | 'mirrorOptOuts'
    | 'reconcileOptOuts'
    | 'refundFailedMessages'
    | 'pollReceipts'
    | 'endQuietPeriods'
    | 'redirectWaiting'
    | 'watchSilence'
    | 'runRedrives'
    | 'rollUpDailyActivity'
    | 'rollUpDailyStats'
  >;
  alerts: Pick<Alerts, 'evaluateAlerts' | 'sendDueNotifications'>;
  privacy: Pick<Privacy, 'applyRetention' | 'runErasures'>;
  workflows: CleanupDeps['workflows'] & Pick<Workflows, 'fireTriggers' | 'runSends' | 'resumePauses'>;
  outgoingWebhooks: CleanupDeps['outgoingWebhooks'] & Pick<OutgoingWebhooks, 'sendDueWebhooks'>;
  /** Without one, workflow actions and triggers are off. */
  workflowSecrets: readonly string[];
}

/** A background task of a worker process. */
export interface PeriodicTask {
  name: string;
  /** `poll`: every second, and again at once while `run` returns a count above 0. */
  schedule: 'poll' | 'at_start' | { intervalMs: number };
  run(): Promise<unknown>;
}

const hourMs = 60 * 60 * 1000;
const redirectIntervalMs = 10_000;

/** Lists every background task. Each has its own timer: a long first roll-up delays no alert. */
export function listPeriodicTasks(deps: PeriodicTaskDeps): PeriodicTask[] {
  const { connections, installations, messaging, alerts, privacy, workflows } = deps;
  const workflowTasks: PeriodicTask[] = [
    { name: 'run_workflow_sends', schedule: 'poll', run: workflows.runSends },
    { name: 'resume_workflows', schedule: 'poll', run: workflows.resumePauses },
    { name: 'fire_triggers', schedule: 'poll', run: workflows.fireTriggers },
  ];
  return [
    { name: 'apply_app_events', schedule: 'poll', run: installations.applyDueEvents },
    { name: 'reconcile_installations', schedule: 'poll', run: installations.reconcileDueInstallations },
    { name: 'set_up_connections', schedule: 'poll', run: connections.setUpDueConnections },
    { name: 'check_connections', schedule: 'poll', run: connections.checkDueConnections },
    { name: 'run_redrives', schedule: 'poll', run: messaging.runRedrives },
    { name: 'mirror_opt_outs', schedule: 'poll', run: messaging.mirrorOptOuts },
    { name: 'reconcile_opt_outs', schedule: 'poll', run: messaging.reconcileOptOuts },
    { name: 'refund_failed_messages', schedule: 'poll', run: messaging.refundFailedMessages },
    { name: 'poll_receipts', schedule: 'poll', run: messaging.pollReceipts },
    { name: 'end_quiet_periods', schedule: 'poll', run: messaging.endQuietPeriods },
    { name: 'watch_silence', schedule: 'poll', run: messaging.watchSilence },
    { name: 'roll_up_activity', schedule: 'poll', run: once(messaging.rollUpDailyActivity) },
    { name: 'roll_up_stats', schedule: 'poll', run: once(messaging.rollUpDailyStats) },
    { name: 'apply_retention', schedule: 'poll', run: once(privacy.applyRetention) },
    { name: 'run_erasures', schedule: 'poll', run: privacy.runErasures },
    { name: 'redirect_waiting', schedule: { intervalMs: redirectIntervalMs }, run: messaging.redirectWaiting },
    { name: 'free_provider_groups', schedule: { intervalMs: redirectIntervalMs }, run: connections.freeProviderGroups },
    { name: 'evaluate_alerts', schedule: 'poll', run: alerts.evaluateAlerts },
    { name: 'send_notifications', schedule: 'poll', run: alerts.sendDueNotifications },
    { name: 'send_webhooks', schedule: 'poll', run: once(deps.outgoingWebhooks.sendDueWebhooks) },
    ...(deps.workflowSecrets.length > 0 ? workflowTasks : []),
    { name: 'restore_group_limits', schedule: 'at_start', run: connections.restoreGroupLimits },
    { name: 'cleanup', schedule: { intervalMs: hourMs }, run: () => runCleanup(deps) },
  ];
}

/** Starts background tasks. A task that fails is logged and runs again at its next time. @returns stops them and waits for polls that run */
export function startPeriodicTasks(
  { clock, log }: { clock: Clock; log: Log },
  tasks: readonly PeriodicTask[],
): () => Promise<void> {
  const stops = tasks.map(({ name, schedule, run }) => {
    const onError = (error: unknown) => log.error({ err: error, task: name }, 'a background task failed');
    if (schedule === 'poll') return runPollLoop(clock, async () => Number(await run()), onError);
    if (schedule === 'at_start') {
      run().catch(onError);
      return async () => {};
    }
    const timer = clock.setInterval(() => void run().catch(onError), schedule.intervalMs);
    return async () => clock.clearInterval(timer);
  });
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}

/** Makes a poll wait for its next second, even when it has done work. */
function once(run: () => Promise<unknown>): () => Promise<number> {
  return () => run().then(() => 0);
}
