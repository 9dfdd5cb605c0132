import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { type AlertNotification, claimNotifications, type NotifierName, recordNotificationResult } from './notifications.ts';

/** Sends notifications to the operator by one means. */
export interface Notifier {
  /** Maximum number of notifications in one call. */
  readonly maxBatchSize: number;
  /** Sends all of them. @throws when they may not have arrived */
  notify(notifications: readonly AlertNotification[], now: Date): Promise<void>;
}

export interface SendNotificationsDeps {
  db: Database;
  clock: Clock;
  log: Log;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  notifiers: ReadonlyMap<NotifierName, Notifier>;
}

/**
 * Sends the due notifications through every configured notifier: one when an alert triggers, one when it resolves. A failed one is
 * retried until it is sent. If a process dies after sending and before recording it, the notification repeats with the same id.
 *
 * @returns the number of attempts
 */
export async function sendDueNotifications(deps: SendNotificationsDeps): Promise<number> {
  const counts = await Promise.all([...deps.notifiers].map(([name, notifier]) => sendThrough(deps, name, notifier)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function sendThrough(deps: SendNotificationsDeps, name: NotifierName, notifier: Notifier): Promise<number> {
  const { db, clock, jitter } = deps;
  const notifications = await claimNotifications({ db, clock }, name, notifier.maxBatchSize);
  if (notifications.length === 0) return 0;
  const isSent = await notifier.notify(notifications, dateNow(clock)).then(
    () => true,
    (error: unknown) => {
      deps.log.warn(
        { err: error, notifier: name, count: notifications.length },
        'notifications could not be sent and will be retried',
      );
      return false;
    },
  );
  await recordNotificationResult({ db, clock, jitter }, name, notifications, isSent);
  return notifications.length;
}
