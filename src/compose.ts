import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { AlertThresholds } from './alerts/alert.ts';
import type { NotifierName } from './alerts/notifications.ts';
import { createEmailNotifier } from './alerts/notifiers/email.ts';
import { type AlertWebhook, createWebhookNotifier } from './alerts/notifiers/webhook.ts';
import { type AuthFailureKind, createAuthFailureRecorder } from './alerts/rules/auth-failures.ts';
import { createSignatureFailureCounter } from './alerts/rules/signatures-invalid.ts';
import type { Notifier } from './alerts/send-notifications.ts';
import { createDiskStore } from './attachments/disk-store.ts';
import { createAttachmentLinks } from './attachments/links.ts';
import { type Bucket, createS3Store } from './attachments/s3-store.ts';
import { type Channels, createChannels } from './channels/registry.ts';
import type { Phone } from './channels/sandbox/sandbox.ts';
import { createConnectionLoader } from './connections/connect.ts';
import { type Clock, dateNow } from './core/clock.ts';
import { createIdGenerator, type NewId, type RandomSource } from './core/ids.ts';
import { createSecretBox } from './core/secret-box.ts';
import { type Database, type DatabaseTarget, type Executor, openDatabase } from './database/client.ts';
import { openSharedClock } from './database/clock-steps.ts';
import { createHighLevelClient, type HighLevel, type HighLevelCall } from './highlevel/client.ts';
import type { AppKeys } from './highlevel/oauth.ts';
import type { Provider } from './highlevel/providers.ts';
import type { HighLevelResponse } from './highlevel/response.ts';
import type { AppDeps } from './http/app.ts';
import type { ConnectionExample } from './http/pages/channels/providers.ts';
import { createLiveStreams } from './http/pages/framework/live.ts';
import { createBodyReader } from './http/read-body.ts';
import { createAccessTokens } from './installations/access-token.ts';
import { recordKeys, toKeyRings } from './installations/key-inventory.ts';
import { createPermissionGate } from './installations/permissions.ts';
import { createRateLimitFeedback } from './installations/rate-limit-feedback.ts';
import { createInstallationLoader } from './installations/store.ts';
import { createWebhookObservationRecorder } from './installations/webhook-observations.ts';
import { createInboundReceiver } from './messages/inbound/receive.ts';
import { createMessageLister } from './messages/log/list-messages.ts';
import { createAddressReader, createCountryFinder } from './messages/model/read-address.ts';
import { createReportDelay } from './messages/model/report-delay.ts';
import { createAttemptStarter } from './messages/outbound/attempts.ts';
import { createDeliveryReceiver } from './messages/outbound/receive.ts';
import { cancelQueued, countUnreported, releaseWaiting, resumeReports } from './messages/recovery/location-lifecycle.ts';
import { createReceiptRecorder } from './messages/reporting/record-receipt.ts';
import { drainSettlements } from './messages/settlement/drain-settlements.ts';
import { createSettler, type Settler } from './messages/settlement/settle.ts';
import { createMessageLoader } from './messages/settlement/update-messages.ts';
import { createQueue } from './queue/queue.ts';
import { createFileFetcher } from './runtime/fetch-file.ts';
import { createFreeDiskCheck } from './runtime/free-disk.ts';
import type { Log } from './runtime/log.ts';
import { createMailer, type MailOptions } from './runtime/mail.ts';
import { createMetrics } from './runtime/metrics.ts';
import { createHttpClient, type HttpClient } from './runtime/outbound-http.ts';
import type { CleanupDeps } from './worker/cleanup.ts';
import type { MonitoringDeps } from './worker/monitoring.ts';
import type { startPeriodicTasks } from './worker/periodic-tasks.ts';
import type { startWorker } from './worker/queue-handlers.ts';

/** What the program needs to know and what it needs of the world. */
export interface AppOptions {
  database: DatabaseTarget;
  /** Called once when a newer version has migrated the database: this process must stop. */
  onNewerVersion?: ((migration: string) => void) | undefined;
  /** This machine's. */
  clock: Clock;
  readTime?: ((db: Database) => Promise<number>) | undefined;
  random: RandomSource;
  log: Log;
  app: AppKeys;
  appUrl: string;
  apiUrl: string;
  marketplaceUrl: string;
  providers: readonly Provider[];
  webhookKeys: readonly KeyObject[];
  encryptionKeys: readonly Buffer[];
  sessionSecrets: string[];
  /** Decrypt user contexts. */
  sharedSecrets: readonly string[];
  adminToken: string | undefined;
  metricsToken?: string | undefined;
  /** Of the program, for the operator's eyes. */
  version: string;
  allowPrivateTargets: boolean;
  /** How many proxies stand in front, or their addresses. */
  trustProxy: number | string[];
  /** Outside production: the hosts under which the program is asked for. */
  allowedHosts?: ReadonlySet<string> | undefined;
  /** Keeps a location's channels after an uninstall, for its return. */
  keepChannels: boolean;
  /** How many sends a process that works has in hand at most. */
  sendConcurrency: number;
  /** Messages of an uninstalled location are deleted after so many days. */
  retentionDays: number;
  /** From where on something is an alert. */
  alertLimits: AlertThresholds;
  /** How the operator is told of alerts. */
  alertWebhook?: AlertWebhook | undefined;
  alertMail?: MailOptions | undefined;
  attachments: {
    /** Where downloads and, without a bucket, kept files are. */
    folder: string;
    bucket?: Bucket | undefined;
    maxBytes: number;
    /** Of all files that a location has kept. */
    maxBytesPerLocation: number;
    /** Below so much free disk, files wait. */
    minFreeBytes: number;
    /** How long a kept file is offered. */
    days: number;
    /** How HighLevel gets it: by an address of ours, or by an upload. */
    delivery: 'link' | 'upload';
  };
  /** Who may show the embedded page in a frame, besides the agencies' own domains. */
  frameAncestors: readonly string[];
  /** Where sandbox mode's phone is. */
  phone?: Phone | undefined;
  sandboxUrl?: string | undefined;
  /** A far side to try a channel with, where somebody runs one for that. */
  example?: ConnectionExample | undefined;
  /** Other channels than the program's own. */
  channels?: Channels | undefined;
}

/** Everything that the web and the worker use. */
export type App = AppDeps &
  WorkerDeps & {
    /** Takes no more jobs and waits for those in hand, then `keepResponsesMs` for the database to take what vendors responded. */
    stopWorking(timeoutMs: number, storeResponsesTimeoutMs?: number): Promise<void>;
    listUnwritten: Settler['unwritten'];
    close(): Promise<void>;
  };

type WorkerDeps = Parameters<typeof startWorker>[0] & Parameters<typeof startPeriodicTasks>[0] & CleanupDeps & MonitoringDeps;

const highLevelTimeoutMs = 10_000;
const maxSendMs = 60_000;
const alertTimeoutMs = 5_000;

/** The one place where parts meet. */
export async function composeApp(options: AppOptions): Promise<App> {
  const { random, log, app } = options;
  const db = await openDatabase(options.database, { log, onNewerVersion: options.onNewerVersion });
  // From here on there is no other clock: what one process stores, another compares.
  const clock = await openSharedClock(db, { clock: options.clock, readTime: options.readTime, log });
  const newId = createIdGenerator(clock, random);
  const box = createSecretBox(options.encryptionKeys, random, clock);
  const metrics = createMetrics();
  const rings = toKeyRings({ encryption: options.encryptionKeys, session: options.sessionSecrets });
  await recordKeys({ db, clock }, rings);
  const queue = createQueue({ db, clock, newId, log });

  // HighLevel's address is the operator's setting, not a user's: no guard.
  const highLevelHttp = createHttpClient({ baseURL: options.apiUrl, timeoutMs: highLevelTimeoutMs, allowPrivateTargets: true });
  const targetHttp = createHttpClient({ timeoutMs: maxSendMs, allowPrivateTargets: options.allowPrivateTargets });

  const jitter = () => random(4).readUInt32BE() / 2 ** 32;
  const signatureFailures = createSignatureFailureCounter({ db, clock, log });
  const webhookObservations = createWebhookObservationRecorder({ db, clock, log });
  const authFailures = createAuthFailureRecorder({ db, clock, newId, log });
  const recordRateLimits = createRateLimitFeedback({ db, clock, log, jitter });
  const onResponse = async (call: HighLevelCall, answer: HighLevelResponse | null) => {
    metrics.highLevelRequests.inc({ operation: call.operation, status: String(answer?.status ?? 0) });
    if (call.operation === 'updateMessageStatus' || call.operation === 'updateEmailStatus') {
      metrics.reports.inc({ outcome: answer && answer.status < 300 ? 'accepted' : 'rejected' });
    }
    log.debug({ operation: call.operation, status: answer?.status, traceId: answer?.traceId }, 'HighLevel answered');
    // HighLevel has done what it was asked: were this to fail the call, it would be made again.
    await recordRateLimits(call.owner, answer).catch((error: unknown) =>
      log.warn({ err: error }, 'what HighLevel says of its limits could not be noted'),
    );
  };

  const installationOf = createInstallationLoader(db);
  const readAddress = createAddressReader(createCountryFinder(installationOf));
  const store = { db, clock, reportDelay: createReportDelay() };
  const messages = {
    releaseWaiting: (tx: Executor, locationId: string) => releaseWaiting(store, tx, locationId),
    cancelQueued: (locationId: string) => cancelQueued(store, locationId),
    countUnreported: (locationId: string) => countUnreported(store, locationId),
  };
  // Tokens are needed to call HighLevel, and some of HighLevel's calls give tokens.
  const call: HighLevel = (wanted) => callHighLevel(wanted);
  const tokens = createAccessTokens({ ...messages, db, box, clock, newId, highLevelHttp, highLevel: call, app, log, jitter });
  const permissions = createPermissionGate({
    db,
    clock,
    log,
    providers: options.providers,
    resume: (locationId) => resumeReports(store, locationId),
  });
  const callHighLevel = createHighLevelClient({ http: highLevelHttp, tokens, permissions, onResponse });

  const settle = createSettler({ ...store, newId, log });
  const shared = {
    ...store,
    ...messages,
    random,
    newId,
    box,
    log,
    metrics,
    tokens,
    app,
    appUrl: options.appUrl,
    marketplaceUrl: options.marketplaceUrl,
    providers: options.providers,
    webhookKeys: options.webhookKeys,
    sessionSecrets: options.sessionSecrets,
    sharedSecrets: options.sharedSecrets,
    adminToken: options.adminToken,
    metricsToken: options.metricsToken,
    sandboxUrl: options.sandboxUrl,
    trustProxy: options.trustProxy,
    allowedHosts: options.allowedHosts,
    version: options.version,
    startedAt: dateNow(clock),
    clockSkewMs: clock.skewMs,
    keyRings: rings,
    customPageUrl: options.sandboxUrl && `${options.sandboxUrl}/custom-page`,
    example: options.example,
    channels: options.channels ?? createChannels({ allowPrivateTargets: options.allowPrivateTargets, phone: options.phone }),
    highLevelHttp,
    targetHttp,
    ...composeAttachments(options, { targetHttp, clock, newId }),
    highLevel: call,
    queue,
    live: createLiveStreams({ clock, log }),
    receiveDelivery: createDeliveryReceiver({ ...store, newId, readAddress }),
    receiveInbound: createInboundReceiver({ ...store, newId, readAddress }),
    recordReceipt: createReceiptRecorder({ ...store, newId }),
    startAttempt: createAttemptStarter({ ...store, newId }),
    settle,
    findMessage: createMessageLoader(db),
    listMessages: createMessageLister(db),
    connectionOf: createConnectionLoader(db),
    installationOf,
    readAddress,
    keepChannels: options.keepChannels,
    sendConcurrency: options.sendConcurrency,
    retentionDays: options.retentionDays,
    frameAncestors: options.frameAncestors,
    jitter,
    alertThresholds: options.alertLimits,
    notifiers: createNotifiers(options),
    readBody: createBodyReader(),
    webhookObservations,
    onInvalidSignature: () => signatureFailures.record(),
    onAuthFailure(kind: AuthFailureKind, network: string) {
      metrics.authFailures.inc({ kind });
      authFailures.record(kind, network);
    },
    recordSend(channel: string, outcome: string, ms: number) {
      metrics.sendAttempts.inc({ channel, outcome });
      metrics.sendDuration.observe({ channel }, ms / 1000);
    },
  };

  return {
    ...shared,
    stopWorking: (timeoutMs, keepMs = 0) => queue.stop(timeoutMs, () => drainSettlements(settle, { clock, log }, keepMs)),
    listUnwritten: settle.unwritten,
    async close() {
      shared.live.close();
      await Promise.all([signatureFailures.stop(), webhookObservations.stop(), authFailures.stop()]);
      await clock.stop();
      await db.close();
    },
  };
}

function createNotifiers({ alertWebhook, alertMail, appUrl }: AppOptions): ReadonlyMap<NotifierName, Notifier> {
  const notifiers = new Map<NotifierName, Notifier>();
  // The operator's own address, as HighLevel's is: no guard.
  const http = createHttpClient({ timeoutMs: alertTimeoutMs, allowPrivateTargets: true });
  if (alertWebhook) notifiers.set('webhook', createWebhookNotifier(http, alertWebhook));
  if (alertMail) notifiers.set('email', createEmailNotifier(createMailer(alertMail), appUrl));
  return notifiers;
}

function composeAttachments(options: AppOptions, deps: { targetHttp: HttpClient; clock: Clock; newId: NewId }) {
  const { attachments: media, appUrl, encryptionKeys } = options;
  const { targetHttp, clock, newId } = deps;
  const mediaFolder = join(media.folder, 'incoming');
  // A bucket's address is the operator's setting, like HighLevel's.
  const bucketHttp = createHttpClient({ timeoutMs: maxSendMs, allowPrivateTargets: true });
  return {
    mediaFolder,
    fetchFile: createFileFetcher({
      http: targetHttp,
      clock,
      newId,
      folder: mediaFolder,
      maxBytes: media.maxBytes,
      hasRoom: createFreeDiskCheck(clock, mediaFolder, media.minFreeBytes),
    }),
    attachmentStore: media.bucket
      ? createS3Store({ http: bucketHttp, clock }, media.bucket)
      : createDiskStore(join(media.folder, 'files')),
    attachmentLinks: createAttachmentLinks(encryptionKeys[0] as Buffer, appUrl),
    attachmentRetentionDays: media.days,
    maxAttachmentBytesPerLocation: media.maxBytesPerLocation,
    attachmentDelivery: media.delivery,
  };
}
