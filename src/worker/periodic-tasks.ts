import type { Alerts } from '../compose/alerts.ts';
import type { Connections } from '../compose/connections.ts';
import type { Installations } from '../compose/installations.ts';
import type { Messaging } from '../compose/messaging.ts';
import type { OutgoingWebhooks } from '../compose/outgoing-webhooks.ts';
import type { Privacy } from '../compose/privacy.ts';
import type { QueueCapability } from '../compose/queue.ts';
import type { Workflows } from '../compose/workflows.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { queueNames } from '../queue/job.ts';
import type { Log } from '../runtime/log.ts';
import { runPollLoop } from '../runtime/poll-loop.ts';
import { type CleanupDeps, runCleanup } from './cleanup.ts';
import { type DueTaskName, findDueTasks } from './sql/find-due-tasks.ts';

/** Capabilities that the background tasks call. */
export interface PeriodicTaskDeps extends CleanupDeps {
  queue: CleanupDeps['queue'] & Pick<QueueCapability, 'wakeIfIdle'>;
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
export type PeriodicTask = { run(): Promise<unknown> } & (
  | {
      name: DueTaskName;
      /** Runs when {@link findDueTasks} finds it, and again at once while `run` returns a count above 0. */
      schedule: 'when_due';
    }
  | { name: string; schedule: 'at_start' | { intervalMs: number } }
);

const hourMs = 60 * 60 * 1000;
const redirectIntervalMs = 10_000;

/** Lists every background task. Each runs on its own: a long first roll-up delays no alert. */
export function listPeriodicTasks(deps: PeriodicTaskDeps): PeriodicTask[] {
  const { connections, installations, messaging, alerts, privacy, workflows } = deps;
  const workflowTasks: PeriodicTask[] = [
    { name: 'run_workflow_sends', schedule: 'when_due', run: workflows.runSends },
    { name: 'resume_workflows', schedule: 'when_due', run: workflows.resumePauses },
    { name: 'fire_triggers', schedule: 'when_due', run: workflows.fireTriggers },
  ];
  return [
    { name: 'apply_app_events', schedule: 'when_due', run: installations.applyDueEvents },
    { name: 'reconcile_installations', schedule: 'when_due', run: installations.reconcileDueInstallations },
    { name: 'set_up_connections', schedule: 'when_due', run: connections.setUpDueConnections },
    { name: 'check_connections', schedule: 'when_due', run: connections.checkDueConnections },
    { name: 'run_redrives', schedule: 'when_due', run: messaging.runRedrives },
    { name: 'mirror_opt_outs', schedule: 'when_due', run: messaging.mirrorOptOuts },
    { name: 'reconcile_opt_outs', schedule: 'when_due', run: messaging.reconcileOptOuts },
    { name: 'refund_failed_messages', schedule: 'when_due', run: messaging.refundFailedMessages },
    { name: 'poll_receipts', schedule: 'when_due', run: messaging.pollReceipts },
    { name: 'end_quiet_periods', schedule: 'when_due', run: messaging.endQuietPeriods },
    { name: 'watch_silence', schedule: 'when_due', run: messaging.watchSilence },
    { name: 'roll_up_activity', schedule: 'when_due', run: messaging.rollUpDailyActivity },
    { name: 'roll_up_stats', schedule: 'when_due', run: messaging.rollUpDailyStats },
    { name: 'apply_retention', schedule: 'when_due', run: privacy.applyRetention },
    { name: 'run_erasures', schedule: 'when_due', run: privacy.runErasures },
    { name: 'redirect_waiting', schedule: { intervalMs: redirectIntervalMs }, run: messaging.redirectWaiting },
    { name: 'free_provider_groups', schedule: { intervalMs: redirectIntervalMs }, run: connections.freeProviderGroups },
    { name: 'evaluate_alerts', schedule: 'when_due', run: alerts.evaluateAlerts },
    { name: 'send_notifications', schedule: 'when_due', run: alerts.sendDueNotifications },
    { name: 'send_webhooks', schedule: 'when_due', run: deps.outgoingWebhooks.sendDueWebhooks },
    ...(deps.workflowSecrets.length > 0 ? workflowTasks : []),
    ...queueNames.map(
      (name): PeriodicTask => ({
        name: `wake_${name}` as const,
        schedule: 'when_due',
        run: async () => deps.queue.wakeIfIdle(name),
      }),
    ),
    { name: 'restore_group_limits', schedule: 'at_start', run: connections.restoreGroupLimits },
    { name: 'cleanup', schedule: { intervalMs: hourMs }, run: () => runCleanup(deps) },
  ];
}

/** Starts background tasks. A task that fails is logged and runs again at its next time. @returns stops them and waits for those that run */
export function startPeriodicTasks(
  { db, clock, log }: { db: Database; clock: Clock; log: Log },
  tasks: readonly PeriodicTask[],
): () => Promise<void> {
  const dueTasks = new Map(tasks.filter(({ schedule }) => schedule === 'when_due').map((task) => [task.name, task.run]));
  const running = new Map<string, Promise<void>>();
  let isStopped = false;

  const logFailure = (task: string) => (error: unknown) => log.error({ err: error, task }, 'a background task failed');
  const runWhileDue = async (run: PeriodicTask['run']) => {
    while (!isStopped && Number(await run()) > 0);
  };
  const startDueTasks = async () => {
    for (const name of await findDueTasks(db.client, dateNow(clock))) {
      const run = dueTasks.get(name);
      if (!run || running.has(name)) continue;
      const ended = runWhileDue(run)
        .catch(logFailure(name))
        .finally(() => running.delete(name));
      running.set(name, ended);
    }
  };
  const stops = tasks.map(({ name, schedule, run }) => {
    if (schedule === 'when_due') return () => {};
    const start = () => void run().catch(logFailure(name));
    if (schedule === 'at_start') {
      start();
      return () => {};
    }
    const timer = clock.setInterval(start, schedule.intervalMs);
    return () => clock.clearInterval(timer);
  });
  const stopLook = dueTasks.size > 0 ? runPollLoop(clock, startDueTasks, logFailure('find_due_tasks')) : async () => {};

  return async () => {
    isStopped = true;
    for (const stop of stops) stop();
    await stopLook();
    await Promise.all(running.values());
  };
}
