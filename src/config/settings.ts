import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import * as z from 'zod';
import type { AlertThresholds } from '../alerts/alert.ts';
import type { AlertWebhook } from '../alerts/notifiers/webhook.ts';
import type { Bucket } from '../attachments/s3-store.ts';
import type { ConsentClients } from '../channels/email/consent.ts';
import type { DatabaseTarget } from '../database/client.ts';
import { highLevelApiUrl, minimalScopes, workflowScope } from '../highlevel/operations.ts';
import type { Provider } from '../highlevel/providers.ts';
import { publishedWebhookKey } from '../highlevel/webhook-signature.ts';
import type { MailOptions } from '../runtime/mail.ts';
import { isSigningSecret } from '../runtime/standard-webhooks.ts';
import { toConsentClients } from './consent-clients.ts';
import { findMissing } from './missing-settings.ts';
import { findRenamed } from './renamed-settings.ts';
import {
  anyWebAddress,
  databaseAddress,
  encryptionKeys,
  flag,
  frameSource,
  mailAddresses,
  packageNames,
  parseList,
  providers,
  publicKeys,
  secrets,
  trustProxy,
  webAddress,
  wholeNumber,
} from './setting-schemas.ts';

/** Lists all problems of the settings in one error. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The settings have ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`);
    this.problems = problems;
  }
}

/** HighLevel's own origins that show an app's pages. An agency's own domain is recorded when it is seen (platform.md 7.5). */
const highLevelOrigins = 'https://*.gohighlevel.com https://*.leadconnectorhq.com https://*.msgsndr.com';

const megabyte = 1024 * 1024;

/** All settings. `findMissing` requires those that are optional here but needed in production. */
export const settingsSchema = z.object({
  NODE_ENV: z.string().default('development'),
  PORT: z.coerce.number({ error: 'must be a number' }).int().min(0).max(65535).default(3000),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, 'must be an address of this machine')
    .optional(),
  APP_URL: webAddress.optional(),
  TRUST_PROXY: trustProxy.default(['loopback', 'linklocal', 'uniquelocal']),
  HIGHLEVEL_CLIENT_ID: z.string().optional(),
  HIGHLEVEL_CLIENT_SECRET: z.string().optional(),
  HIGHLEVEL_SCOPES: z
    .string()
    .transform((text) => text.split(/\s+/).filter(Boolean))
    .optional(),
  HIGHLEVEL_PROVIDERS: providers.default([]),
  BILLING: z.enum(['off', 'provider_meter', 'wallet']).default('off'),
  BILLING_METER_ID: z.string().trim().min(1).max(100).optional(),
  HIGHLEVEL_SHARED_SECRETS: z.string().default('').transform(parseList),
  HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: z.string().default(publishedWebhookKey).pipe(publicKeys),
  HIGHLEVEL_API_URL: webAddress.default(highLevelApiUrl),
  HIGHLEVEL_MARKETPLACE_URL: webAddress.default('https://marketplace.gohighlevel.com'),
  GOOGLE_CLIENT_ID: z.string().optional(),
  GOOGLE_CLIENT_SECRET: z.string().optional(),
  GOOGLE_ACCOUNTS_URL: webAddress.default('https://accounts.google.com'),
  GOOGLE_OAUTH_URL: webAddress.default('https://oauth2.googleapis.com'),
  MICROSOFT_CLIENT_ID: z.string().optional(),
  MICROSOFT_CLIENT_SECRET: z.string().optional(),
  MICROSOFT_TENANT: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be common, organizations, consumers, a tenant id or a domain')
    .default('common'),
  MICROSOFT_LOGIN_URL: webAddress.default('https://login.microsoftonline.com'),
  DATABASE_URL: databaseAddress.optional(),
  DATABASE_DIRECT_URL: databaseAddress.optional(),
  DATA_DIR: z.string().default('./data'),
  ENCRYPTION_KEYS: encryptionKeys.optional(),
  SESSION_SECRETS: secrets.optional(),
  ADMIN_TOKEN: z.string().optional(),
  WORKFLOW_SECRETS: secrets.default([]),
  WORKFLOW_RESUME_PATH: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'must be the last part of a path, such as resume-action')
    .default('resume-action'),
  METRICS_TOKEN: z.string().min(16, 'must have at least 16 characters').optional(),
  ALLOW_PRIVATE_TARGETS: flag.optional(),
  CHANNEL_PACKAGES: packageNames.default([]),
  FRAME_ANCESTORS: z
    .string()
    .default(highLevelOrigins)
    .transform((text) => text.split(/[\s,]+/).filter(Boolean))
    .refine((all) => all.every((source) => frameSource.test(source)), {
      error: 'must be origins such as https://app.example.com or https://*.example.com, separated by spaces',
    }),
  KEEP_CHANNELS_AFTER_UNINSTALL: flag.default(false),
  RETENTION_DAYS_AFTER_UNINSTALL: z.coerce.number({ error: 'must be a number of days' }).int().min(0).max(3650).default(30),
  ALERT_FAILURE_RATE: z.coerce.number({ error: 'must be a number' }).min(0.01).max(0.99).default(0.5),
  ALERT_SILENT_HOURS: wholeNumber(24, 24 * 14).default(48),
  ALERT_QUOTA_REMAINING: wholeNumber(0, 1_000_000).default(10_000),
  ALERT_QUEUE_LATENCY_SECONDS: wholeNumber(10, 24 * 60 * 60).default(300),
  ALERT_SIGNATURE_FAILURES: wholeNumber(1, 1_000_000).default(20),
  ALERT_WEBHOOK_URL: anyWebAddress.optional(),
  ALERT_WEBHOOK_SECRET: z.string().refine(isSigningSecret, { error: 'must be whsec_ and base64 of 16 to 64 bytes' }).optional(),
  ALERT_EMAIL_TO: mailAddresses.optional(),
  ALERT_EMAIL_FROM: mailAddresses.optional(),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\/[^/]/, 'must be an smtp:// or smtps:// address')
    .optional(),
  ATTACHMENT_MAX_MEGABYTES: z.coerce.number({ error: 'must be a number of megabytes' }).positive().max(1024).default(25),
  ATTACHMENT_MAX_MEGABYTES_PER_LOCATION: wholeNumber(1, 1_000_000_000).default(2_000),
  ATTACHMENT_MIN_FREE_MEGABYTES: wholeNumber(0, 1_000_000_000).default(500),
  ATTACHMENT_RETENTION_DAYS: z.coerce.number({ error: 'must be a number of days' }).int().min(1).max(3650).default(30),
  ATTACHMENT_DELIVERY: z.enum(['link', 'upload'], { error: 'must be link or upload' }).default('link'),
  ATTACHMENT_S3_ENDPOINT: webAddress.optional(),
  ATTACHMENT_S3_BUCKET: z.string().optional(),
  ATTACHMENT_S3_REGION: z.string().default('us-east-1'),
  ATTACHMENT_S3_ACCESS_KEY_ID: z.string().optional(),
  ATTACHMENT_S3_SECRET_ACCESS_KEY: z.string().optional(),
  ROLE: z.enum(['web', 'worker', 'all'], { error: 'must be web, worker or all' }).default('all'),
  SEND_CONCURRENCY: z.coerce.number({ error: 'must be a number' }).int().min(1).max(2_000).default(500),
  CONFIRM_SEND_SECONDS: wholeNumber(5, 86_400).default(600),
  MAX_CONNECTIONS: wholeNumber(10, 1_000_000).default(5_000),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { error: 'must be one of pino’s levels' })
    .default('info'),
});

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
  attachments: AttachmentSettings;
  role: 'web' | 'worker' | 'all';
  sendConcurrency: number;
  confirmTimeoutMs: number;
  maxConnections: number;
  logLevel: string;
  alertLimits: AlertThresholds;
  alertWebhook: AlertWebhook | undefined;
  alertMail: MailOptions | undefined;
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
    dataDir: resolve(read.DATA_DIR),
    encryptionKeys: read.ENCRYPTION_KEYS,
    sessionSecrets: read.SESSION_SECRETS,
    adminToken: read.ADMIN_TOKEN,
    metricsToken: read.METRICS_TOKEN,
    workflowSecrets: read.WORKFLOW_SECRETS,
    workflowResumePath: read.WORKFLOW_RESUME_PATH,
    allowPrivateTargets: read.ALLOW_PRIVATE_TARGETS ?? isSandbox,
    channelPackages: read.CHANNEL_PACKAGES,
    frameAncestors: read.FRAME_ANCESTORS,
    keepChannelsAfterUninstall: read.KEEP_CHANNELS_AFTER_UNINSTALL,
    retentionDaysAfterUninstall: read.RETENTION_DAYS_AFTER_UNINSTALL,
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
