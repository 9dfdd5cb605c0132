import { purgeAuthFailures } from '../alerts/rules/auth-failures.ts';
import { purgeSignatureFailures } from '../alerts/rules/signatures-invalid.ts';
import { removeStaleDownloads } from '../attachments/disk-store.ts';
import type { AttachmentStore } from '../attachments/store.ts';
import { restoreGroupLimits } from '../connections/connect.ts';
import { purgePreviousConfigs } from '../connections/sealed-config.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { purgeSpentStates } from '../installations/install.ts';
import { purgeWebhookObservations } from '../installations/webhook-observations.ts';
import { purgeAttachments } from '../messages/inbound/store-attachments.ts';
import { purgeUnknownWebhooks } from '../messages/log/unknown-webhooks.ts';
import { purgeMessages, purgeUnknownLocationMessages } from '../messages/recovery/location-lifecycle.ts';
import { trimUnnamedReceipts } from '../messages/settlement/receipt-rows.ts';
import { repairQueueHeads } from '../queue/sql/repair-heads.ts';
import type { Log } from '../runtime/log.ts';

export interface CleanupDeps {
  db: Database;
  clock: Clock;
  box: SecretBox;
  log: Log;
  /** Messages of a location that has the app no more, or never had it, are deleted after so many days. */
  retentionDays: number;
  attachmentStore: AttachmentStore;
  /** Where downloads are while they last. */
  mediaFolder: string;
}

const hourMs = 60 * 60 * 1000;
/** Longer than HighLevel repeats a webhook. */
const traceRetentionDays = 90;
/** Longer than a shared secret should be in use: a context that is forgotten would be a new one. */
const contextRetentionDays = 400;

/** A receipt that names no message of ours may be early; what comes a day before its send is of another. */
const unmatchedReceiptRetentionDays = 1;

/** Expired browser sessions, limits that have long been unused, old traces and alerts, and what an uninstalled location has left. */
export async function runCleanup(deps: CleanupDeps): Promise<void> {
  const { clock, retentionDays } = deps;
  const { client } = deps.db;
  const now = dateNow(clock);
  await repairQueueHeads(client);
  // A process of an earlier version may still be there and take them away.
  await restoreGroupLimits(deps);
  await client.session.deleteMany({ where: { expiresAt: { lt: now } } });
  await purgePreviousConfigs(client, now);
  await client.rateLimitRow.deleteMany({
    where: {
      // A connection's own limits stand nowhere else, and its day may be an hour longer than ours.
      intervalMs: null,
      concurrency: null,
      tatAt: { lt: daysAgo(clock, 2) },
      OR: [{ pausedUntil: null }, { pausedUntil: { lt: now } }],
    },
  });
  await client.appEvent.deleteMany({ where: { dueAt: null, receivedAt: { lt: daysAgo(clock, traceRetentionDays) } } });
  await client.receipt.deleteMany({
    where: { messageId: null, receivedAt: { lt: daysAgo(clock, unmatchedReceiptRetentionDays) } },
  });
  await trimUnnamedReceipts(deps.db);
  await client.seenUserContext.deleteMany({ where: { lastSeenAt: { lt: daysAgo(clock, contextRetentionDays) } } });
  await client.alert.deleteMany({ where: { endedAt: { lt: daysAgo(clock, traceRetentionDays) } } });
  await purgeSignatureFailures(deps);
  await purgeWebhookObservations(client, daysAgo(clock, traceRetentionDays));
  await purgeUnknownWebhooks(client, now);
  await purgeSpentStates(deps);
  await purgeAuthFailures(deps, daysAgo(clock, traceRetentionDays));

  const before = daysAgo(clock, retentionDays);
  await client.connection.deleteMany({ where: { disabledAt: { lt: before } } });
  // In steps, so that no statement holds up the work of others.
  while ((await purgeMessages(deps, before)) > 0);
  while ((await purgeUnknownLocationMessages(deps, before)) > 0);
  while ((await purgeAttachments(deps)) > 0);
  await removeStaleDownloads(deps.mediaFolder, daysAgo(clock, 1));
}

function daysAgo(clock: Clock, days: number): Date {
  return new Date(clock.now() - 24 * hourMs * days);
}
