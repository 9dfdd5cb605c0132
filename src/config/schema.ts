import * as z from 'zod';
import { highLevelApiUrl } from '../highlevel/operations.ts';
import { publishedWebhookKey } from '../highlevel/webhook-signature.ts';
import { minMessageDays } from '../messages/privacy/retention-policy.ts';
import { isSigningSecret } from '../runtime/standard-webhooks.ts';
import {
  anyWebAddress,
  databaseAddress,
  encryptionKeys,
  flag,
  fraction,
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
import { telemetryShape } from './telemetry-settings.ts';

/** HighLevel's own origins that show an app's pages. An agency's own domain is recorded when it is seen (platform.md 7.5). */
const highLevelOrigins = 'https://*.gohighlevel.com https://*.leadconnectorhq.com https://*.msgsndr.com';

/** All settings. `findMissing` requires those that are optional here but needed in production. */
export const settingsSchema = z.object({
  NODE_ENV: z.string().default('development'),
  PORT: wholeNumber(0, 65_535).default(3000),
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
  DATABASE_REPLICA_URL: databaseAddress.optional(),
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
  MESSAGE_RETENTION_DAYS: wholeNumber(minMessageDays, 36_500).optional(),
  CONTENT_RETENTION_DAYS: wholeNumber(0, 36_500).optional(),
  RETENTION_DAYS_AFTER_UNINSTALL: wholeNumber(0, 3650).default(30),
  ALERT_FAILURE_RATE: fraction(0.01, 0.99).default(0.5),
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
  ATTACHMENT_MAX_MEGABYTES: z.coerce
    .number({ error: 'must be a number of megabytes, at most 1024' })
    .positive()
    .max(1024)
    .default(25),
  ATTACHMENT_MAX_MEGABYTES_PER_LOCATION: wholeNumber(1, 1_000_000_000).default(2_000),
  ATTACHMENT_MIN_FREE_MEGABYTES: wholeNumber(0, 1_000_000_000).default(500),
  ATTACHMENT_RETENTION_DAYS: wholeNumber(1, 3650).default(30),
  ATTACHMENT_DELIVERY: z.enum(['link', 'upload'], { error: 'must be link or upload' }).default('link'),
  ATTACHMENT_S3_ENDPOINT: webAddress.optional(),
  ATTACHMENT_S3_BUCKET: z.string().optional(),
  ATTACHMENT_S3_REGION: z.string().default('us-east-1'),
  ATTACHMENT_S3_ACCESS_KEY_ID: z.string().optional(),
  ATTACHMENT_S3_SECRET_ACCESS_KEY: z.string().optional(),
  ROLE: z.enum(['web', 'worker', 'all'], { error: 'must be web, worker or all' }).default('all'),
  SEND_CONCURRENCY: wholeNumber(1, 2_000).default(500),
  CONFIRM_SEND_SECONDS: wholeNumber(5, 86_400).default(600),
  MAX_CONNECTIONS: wholeNumber(10, 1_000_000).default(5_000),
  SLOW_STATEMENT_MS: wholeNumber(0, 60_000).default(1_000),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { error: 'must be one of pino’s levels' })
    .default('info'),
  ...telemetryShape,
});
