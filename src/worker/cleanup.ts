import { purgeAuthFailures } from '../alerts/rules/auth-failures.ts';
import { purgeSignatureFailures } from '../alerts/rules/signatures-invalid.ts';
import { removeStaleDownloads } from '../attachments/disk-store.ts';
import type { Attachments } from '../compose/attachments.ts';
import type { Connections } from '../compose/connections.ts';
import type { OutgoingWebhooks } from '../compose/outgoing-webhooks.ts';
import type { QueueCapability } from '../compose/queue.ts';
import type { Workflows } from '../compose/workflows.ts';
import { purgePreviousConfigs } from '../connections/sealed-config.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { purgeUsedStates } from '../database/used-states.ts';
import { purgeApiTokens } from '../installations/api-tokens.ts';
import { purgeWebhookObservations } from '../installations/webhook-observations.ts';
import { purgeAttachments } from '../messages/inbound/store-attachments.ts';
import { purgeUnknownWebhooks } from '../messages/log/unknown-webhooks.ts';
import {
  purgeMessages,
  purgeOptOuts,
  purgeUnknownLocationMessages,
  purgeVendorAddresses,
} from '../messages/recovery/location-lifecycle.ts';
import { purgeContactFacts } from '../messages/routing/contact-facts.ts';
import { trimUnnamedReceipts } from '../messages/settlement/receipt-rows.ts';

export interface CleanupDeps {
  db: Database;
  clock: Clock;
  queue: Pick<QueueCapability, 'repairHeads'>;
  connections: Pick<Connections, 'restoreGroupLimits' | 'purgeDisabledConnections'>;
  attachments: Pick<Attachments, 'attachmentStore' | 'mediaFolder'>;
  workflows: Pick<Workflows, 'purgeWorkflows'>;
  outgoingWebhooks: Pick<OutgoingWebhooks, 'purgeWebhookEvents'>;
  /** Days after which the messages of a location without the app are deleted. */
  retentionDays: number;
}

const dayMs = 24 * 60 * 60 * 1000;
/** Longer than HighLevel redelivers a webhook. */
const traceRetentionDays = 90;
/** Time for which events of endpoints and their attempts can be looked at and replayed. */
const webhookRetentionDays = 30;
/** Longer than a workflow may wait, so that a repeated request is recognised. */
const workflowRetentionDays = 90;
/** Longer than a shared secret should be in use: a user context whose row is deleted would count as new. */
const contextRetentionDays = 400;

/** A receipt that matches no message may be early; one that is a day older than a send belongs to another message. */
const unmatchedReceiptRetentionDays = 1;

/** Deletes expired sessions, unused rate limits, old events and alerts, and the data of uninstalled locations; repairs queue heads and group limits. */
export async function runCleanup(deps: CleanupDeps): Promise<void> {
  const { clock, retentionDays } = deps;
  const { client } = deps.db;
  const now = dateNow(clock);
  await deps.queue.repairHeads();
  // A process of an earlier version may still run and clear the limits.
  await deps.connections.restoreGroupLimits();
  await client.session.deleteMany({ where: { expiresAt: { lt: now } } });
  await purgePreviousConfigs(client, now);
  await client.rateLimitRow.deleteMany({
    where: {
      // Keeps a connection's own limits, which this table alone stores; a connection's day may be an hour longer than ours.
      intervalMs: null,
      concurrency: null,
      ownerWorkerId: null,
      tatAt: { lt: daysAgo(clock, 2) },
      OR: [{ pausedUntil: null }, { pausedUntil: { lt: now } }],
    },
  });
  await client.appEvent.deleteMany({ where: { dueAt: null, receivedAt: { lt: daysAgo(clock, traceRetentionDays) } } });
  await client.receipt.deleteMany({
    where: { messageId: null, receivedAt: { lt: daysAgo(clock, unmatchedReceiptRetentionDays) } },
  });
  await trimUnnamedReceipts(deps.db);
  await purgeContactFacts({ db: deps.db, clock });
  await client.contactLink.deleteMany({ where: { expiresAt: { lt: now } } });
  await client.seenUserContext.deleteMany({ where: { lastSeenAt: { lt: daysAgo(clock, contextRetentionDays) } } });
  await client.alert.deleteMany({ where: { endedAt: { lt: daysAgo(clock, traceRetentionDays) } } });
  await purgeSignatureFailures(deps);
  await purgeWebhookObservations(client, daysAgo(clock, traceRetentionDays));
  await purgeUnknownWebhooks(client, now);
  await purgeApiTokens(client, daysAgo(clock, traceRetentionDays));
  await purgeUsedStates(deps);
  await purgeAuthFailures(deps, daysAgo(clock, traceRetentionDays));

  const before = daysAgo(clock, retentionDays);
  await deps.connections.purgeDisabledConnections(before);
  // In steps, so that no statement blocks other work.
  while ((await purgeMessages(deps, before)) > 0);
  while ((await purgeUnknownLocationMessages(deps, before)) > 0);
  while ((await purgeOptOuts(deps, before)) > 0);
  while ((await purgeVendorAddresses(deps)) > 0);
  while ((await deps.outgoingWebhooks.purgeWebhookEvents(daysAgo(clock, webhookRetentionDays))) > 0);
  await deps.workflows.purgeWorkflows({ endedBefore: daysAgo(clock, workflowRetentionDays), uninstalledBefore: before });
  while ((await purgeAttachments({ db: deps.db, clock, attachmentStore: deps.attachments.attachmentStore })) > 0);
  await removeStaleDownloads(deps.attachments.mediaFolder, daysAgo(clock, 1));
}

function daysAgo(clock: Clock, days: number): Date {
  return new Date(clock.now() - days * dayMs);
}
