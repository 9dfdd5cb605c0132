import type { Executor } from '../../database/client.ts';
import type { PeriodicTaskName } from '../../database/periodic-lock.ts';
import type { QueueName } from '../../queue/job.ts';

const hasDue = (table: string, column = 'due_at') => `EXISTS (SELECT 1 FROM ${table} WHERE ${column} <= $1)`;
const isRoundDue = (task: PeriodicTaskName) =>
  `NOT EXISTS (SELECT 1 FROM periodic_tasks WHERE name = '${task}' AND due_at > $1)`;
const hasWaiting = (queue: QueueName) =>
  `EXISTS (SELECT 1 FROM jobs WHERE queue = '${queue}' AND worker_id IS NULL AND is_head)`;

/** Conditions of the tasks that run when they are due; $1 is the time. Each is one probe of an index. */
const conditions = {
  apply_app_events: hasDue('app_events'),
  reconcile_installations: hasDue('installations', 'reconcile_at'),
  set_up_connections: hasDue('connections', 'setup_due_at'),
  check_connections: hasDue('connections', 'check_due_at'),
  run_redrives: 'EXISTS (SELECT 1 FROM redrives WHERE ended_at IS NULL)',
  mirror_opt_outs: hasDue('opt_outs', 'mirror_due_at'),
  reconcile_opt_outs: `${hasDue('dnd_reconciles')} OR ${isRoundDue('dnd_reconciles')}`,
  refund_failed_messages: hasDue('wallet_charges'),
  poll_receipts: isRoundDue('poll_receipts'),
  end_quiet_periods: `${hasDue('quiet_periods')} AND ${isRoundDue('quiet_periods')}`,
  watch_silence: isRoundDue('silent_sends'),
  roll_up_activity: isRoundDue('daily_activity'),
  roll_up_stats: isRoundDue('daily_stats'),
  apply_retention: isRoundDue('retention'),
  run_erasures: hasDue('erasures'),
  evaluate_alerts: isRoundDue('alerts'),
  send_notifications: hasDue('alert_notifications', 'next_attempt_at'),
  // Found by endpoint: an index of due times alone would cost each event.
  send_webhooks: 'EXISTS (SELECT 1 FROM webhook_events WHERE due_at IS NOT NULL)',
  run_workflow_sends: hasDue('workflow_sends'),
  resume_workflows: hasDue('workflow_pauses'),
  fire_triggers: hasDue('trigger_events'),
  wake_deliver: hasWaiting('deliver'),
  wake_highlevel: hasWaiting('highlevel'),
  wake_fetch: hasWaiting('fetch'),
};

/** Name of a task that runs when it is due. */
export type DueTaskName = keyof typeof conditions;

const sql = `SELECT name FROM (VALUES
  ${Object.entries(conditions)
    .map(([name, condition]) => `('${name}', ${condition})`)
    .join(',\n  ')}) AS task (name, is_due) WHERE is_due`.replaceAll('$1', '$1::timestamptz');

/** Finds the tasks that are due, with one statement for all of them: an idle process asks nothing else. */
export async function findDueTasks(on: Executor, now: Date): Promise<DueTaskName[]> {
  const rows = await on.$queryRawUnsafe<{ name: DueTaskName }[]>(sql, now);
  return rows.map(({ name }) => name);
}
