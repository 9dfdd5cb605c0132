import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type * as z from 'zod';
import type { AlertThresholds } from '../alerts/alert.ts';
import type { AlertWebhook } from '../alerts/notifiers/webhook.ts';
import type { Bucket } from '../attachments/s3-store.ts';
import type { ConsentClients } from '../channels/email/consent.ts';
import { formatCount } from '../core/format-count.ts';
import type { DatabaseTarget } from '../database/client.ts';
import { minimalScopes, workflowScope } from '../highlevel/operations.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { RetentionDays } from '../messages/privacy/retention-policy.ts';
import type { MailOptions } from '../runtime/mail.ts';
import type { TelemetryOptions } from '../runtime/telemetry/start-telemetry.ts';
import { toConsentClients } from './consent-clients.ts';
import { findMissing } from './missing-settings.ts';
import { findRenamed } from './renamed-settings.ts';
import { settingsSchema } from './schema.ts';
import { toTelemetry } from './telemetry-settings.ts';

/** Lists all problems of the settings in one error. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The settings have ${formatCount(problems.length, 'problem')}:`);
    this.problems = problems;
  }
}

const megabyte = 1024 * 1024;

export interface AttachmentSettings {
  maxBytes: number;
  /** Limit of all stored files of one location. */
  maxBytesPerLocation: number;
  /** With less free disk, messages with files wait. */
  minFreeBytes: number;
  days: number;
  delivery: 'link' | 'upload';
  /** Bucket that stores the files; undefined for DATA_DIR. */
  bucket: Bucket | undefined;
}

export interface Settings {
  isProduction: boolean;
  /** No HighLevel keys and not production: HighLevel and the channel are simulated. */
  isSandbox: boolean;
  port: number;
  /** Address to listen on; undefined for all addresses of the machine. */
  host: string | undefined;
  /** Number of proxies in front, or their addresses. */
  trustProxy: number | string[];
  appUrl: string;
  clientId: string | undefined;
  clientSecret: string | undefined;
  scopes: string[];
  providers: Provider[];
  sharedSecrets: string[];
  webhookKeys: KeyObject[];
  apiUrl: string;
  marketplaceUrl: string;
  /** Clients at services whose users sign in on their page. */
  consentClients: ConsentClients;
  databaseUrl: string | undefined;
  /** The server itself, where `databaseUrl` leads through a pooler. */
  databaseDirectUrl: string | undefined;
  databaseReplicaUrl: string | undefined;
  dataDir: string;
  encryptionKeys: Buffer[] | undefined;
  sessionSecrets: string[] | undefined;
  adminToken: string | undefined;
  metricsToken: string | undefined;
  /** Secrets that the app's workflow actions and triggers send, the current one first; none: they are off. */
  workflowSecrets: string[];
  /** Last part of HighLevel's address at which a paused workflow is resumed. */
  workflowResumePath: string;
  allowPrivateTargets: boolean;
  /** npm packages with channels. */
  channelPackages: string[];
  frameAncestors: string[];
  walletMeterId: string | undefined;
  keepChannelsAfterUninstall: boolean;
  retentionDaysAfterUninstall: number;
  /** Days for which messages and their content are kept. */
  retention: RetentionDays;
  attachments: AttachmentSettings;
  role: 'web' | 'worker' | 'all';
  sendConcurrency: number;
  confirmTimeoutMs: number;
  maxConnections: number;
  logLevel: string;
  slowStatementMs: number;
  alertLimits: AlertThresholds;
  alertWebhook: AlertWebhook | undefined;
  alertMail: MailOptions | undefined;
  telemetry: TelemetryOptions | undefined;
}

/**
 * Reads and checks the settings: the environment, and under it the file `.env`.
 *
 * @throws SettingsError with every problem; a value that could be a secret is never part of it
 */
export function loadSettings(environment: NodeJS.ProcessEnv = process.env, envFile = resolve('.env')): Settings {
  const fromFile = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8').replace(/^\ufeff/, '')) : {};
  // A pasted value, or one from a file, can bring blanks and line ends; no setting begins or ends with one.
  const given = Object.entries({ ...fromFile, ...environment })
    .map(([name, value]) => [name, value?.replace(/^\ufeff/, '').trim()] as const)
    .filter(([, value]) => value !== undefined && value !== '');
  const result = settingsSchema.safeParse(Object.fromEntries(given));
  const schemaProblems = (result.error?.issues ?? []).map(({ path: [name, ...rest], message }) =>
    [String(name), rest.length > 0 ? `(${rest.join('.')})` : '', message].filter(Boolean).join(' '),
  );
  const problems = [...schemaProblems, ...findRenamed(new Map(given)), ...findMissing(new Map(given))];
  if (!result.success || problems.length > 0) throw new SettingsError(problems);
  const read = result.data;

  const isProduction = read.NODE_ENV === 'production';
  const isSandbox = !isProduction && !read.HIGHLEVEL_CLIENT_ID && !read.HIGHLEVEL_CLIENT_SECRET;
  return {
    isProduction,
    isSandbox,
    port: read.PORT,
    host: read.HOST ?? (isProduction ? undefined : '127.0.0.1'),
    trustProxy: read.TRUST_PROXY,
    appUrl: read.APP_URL ?? `http://localhost:${read.PORT}`,
    clientId: read.HIGHLEVEL_CLIENT_ID,
    clientSecret: read.HIGHLEVEL_CLIENT_SECRET,
    scopes: read.HIGHLEVEL_SCOPES ?? [...minimalScopes, ...(read.WORKFLOW_SECRETS.length > 0 ? [workflowScope] : [])],
    providers: read.HIGHLEVEL_PROVIDERS,
    walletMeterId: read.BILLING === 'wallet' ? read.BILLING_METER_ID : undefined,
    sharedSecrets: read.HIGHLEVEL_SHARED_SECRETS,
    webhookKeys: read.HIGHLEVEL_WEBHOOK_PUBLIC_KEYS,
    apiUrl: read.HIGHLEVEL_API_URL,
    marketplaceUrl: read.HIGHLEVEL_MARKETPLACE_URL,
    consentClients: toConsentClients(read),
    databaseUrl: read.DATABASE_URL,
    databaseDirectUrl: read.DATABASE_DIRECT_URL,
    databaseReplicaUrl: read.DATABASE_REPLICA_URL,
    dataDir: resolve(read.DATA_DIR),
    encryptionKeys: read.ENCRYPTION_KEYS,
    sessionSecrets: read.SESSION_SECRETS,
    adminToken: read.ADMIN_TOKEN,
    metricsToken: read.METRICS_TOKEN,
    workflowSecrets: read.WORKFLOW_SECRETS,
    workflowResumePath: read.WORKFLOW_RESUME_PATH,
    allowPrivateTargets: read.ALLOW_PRIVATE_TARGETS ?? !isProduction,
    channelPackages: read.CHANNEL_PACKAGES,
    frameAncestors: read.FRAME_ANCESTORS,
    keepChannelsAfterUninstall: read.KEEP_CHANNELS_AFTER_UNINSTALL,
    retentionDaysAfterUninstall: read.RETENTION_DAYS_AFTER_UNINSTALL,
    retention: {
      messageDays: read.MESSAGE_RETENTION_DAYS ?? null,
      contentDays: read.CONTENT_RETENTION_DAYS ?? null,
    },
    attachments: {
      maxBytes: Math.round(read.ATTACHMENT_MAX_MEGABYTES * megabyte),
      maxBytesPerLocation: read.ATTACHMENT_MAX_MEGABYTES_PER_LOCATION * megabyte,
      minFreeBytes: read.ATTACHMENT_MIN_FREE_MEGABYTES * megabyte,
      days: read.ATTACHMENT_RETENTION_DAYS,
      delivery: read.ATTACHMENT_DELIVERY,
      bucket: toBucket(read),
    },
    role: read.ROLE,
    sendConcurrency: read.SEND_CONCURRENCY,
    confirmTimeoutMs: read.CONFIRM_SEND_SECONDS * 1000,
    maxConnections: read.MAX_CONNECTIONS,
    logLevel: read.LOG_LEVEL,
    slowStatementMs: read.SLOW_STATEMENT_MS,
    alertLimits: {
      failureRate: read.ALERT_FAILURE_RATE,
      silentHours: read.ALERT_SILENT_HOURS,
      quotaRemaining: read.ALERT_QUOTA_REMAINING,
      queueLatencySeconds: read.ALERT_QUEUE_LATENCY_SECONDS,
      signatureFailures: read.ALERT_SIGNATURE_FAILURES,
    },
    // `findMissing` has checked that settings of a group are given together.
    alertWebhook:
      read.ALERT_WEBHOOK_URL && read.ALERT_WEBHOOK_SECRET
        ? { url: read.ALERT_WEBHOOK_URL, secret: read.ALERT_WEBHOOK_SECRET }
        : undefined,
    alertMail:
      read.SMTP_URL && read.ALERT_EMAIL_FROM && read.ALERT_EMAIL_TO
        ? { smtpUrl: read.SMTP_URL, from: read.ALERT_EMAIL_FROM, to: read.ALERT_EMAIL_TO }
        : undefined,
    telemetry: toTelemetry(read),
  };
}

function toBucket(read: z.output<typeof settingsSchema>): Bucket | undefined {
  const { ATTACHMENT_S3_ENDPOINT: endpoint, ATTACHMENT_S3_BUCKET: bucket, ATTACHMENT_S3_REGION: region } = read;
  const { ATTACHMENT_S3_ACCESS_KEY_ID: accessKeyId, ATTACHMENT_S3_SECRET_ACCESS_KEY: secretAccessKey } = read;
  if (!endpoint || !bucket || !accessKeyId || !secretAccessKey) return undefined;
  return { endpoint, bucket, region, accessKeyId, secretAccessKey };
}

/** Returns the database that the settings name. */
export function toDatabaseTarget({ databaseUrl, databaseDirectUrl: directUrl, dataDir }: Settings): DatabaseTarget {
  return databaseUrl ? { kind: 'postgres', url: databaseUrl, directUrl } : { kind: 'embedded', dataDir };
}
