import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { type AlertNotification, claimNotifications, type NotifierName, recordNotificationResult } from './notifications.ts';

/** A way to tell the operator. */
export interface Notifier {
  /** How many go into one call. */
  readonly maxBatchSize: number;
  /** Tells all of them. @throws when they may not have arrived */
  notify(notifications: readonly AlertNotification[], now: Date): Promise<void>;
}

export interface SendNotificationsDeps {
  db: Database;
  clock: Clock;
  log: Log;
  /** From 0 (inclusive) to 1, to spread tries. */
  jitter: () => number;
  notifiers: ReadonlyMap<NotifierName, Notifier>;
}

/**
 * Tells the operator what is due, each alert once as raised and once as recovered in every way that is configured. What fails is tried
 * again until it is told. A process that dies between telling and writing it down lets it be told again: with the same ids.
 *
 * @returns how many were tried
 */
export async function sendDueNotifications(deps: SendNotificationsDeps): Promise<number> {
  const counts = await Promise.all([...deps.notifiers].map(([name, notifier]) => sendThrough(deps, name, notifier)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function sendThrough(deps: SendNotificationsDeps, name: NotifierName, notifier: Notifier): Promise<number> {
  const notifications = await claimNotifications(deps, name, notifier.maxBatchSize);
  if (notifications.length === 0) return 0;
  const isSent = await notifier.notify(notifications, dateNow(deps.clock)).then(
    () => true,
    (error: unknown) => {
      deps.log.warn({ err: error, notifier: name, count: notifications.length }, 'alerts could not be told and are told later');
      return false;
    },
  );
  await recordNotificationResult(deps, name, notifications, isSent);
  return notifications.length;
}
