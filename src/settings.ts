import { createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import * as z from 'zod';
import type { DatabaseTarget } from './database/client.ts';
import { minimalScopes } from './highlevel/operations.ts';
import type { Provider } from './highlevel/providers.ts';

/** Everything that is wrong with the settings, at once, in words. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The settings have ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`);
    this.problems = problems;
  }
}

/** HighLevel's published key for webhooks and Delivery URLs (platform.md 1.1). */
const highLevelKey = 'MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=';

/** Where HighLevel shows an app's pages under its own names; an agency's own domain is learnt (platform.md 7.5). */
const highLevelPages = 'https://*.gohighlevel.com https://*.leadconnectorhq.com https://*.msgsndr.com';
const frameSource = /^https?:\/\/(\*\.)?[A-Za-z0-9.-]+(:\d+)?$/;

const list = (text: string) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
const webAddress = z
  .url({ protocol: /^https?$/, error: 'must be an http or https address' })
  .transform((url) => url.replace(/\/+$/, ''));

const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no'], { error: 'must be true or false' })
  .transform((word) => ['true', '1', 'yes'].includes(word));

const providers = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON list such as [{"key":"sms","id":"…","kind":"sms"}]' });
      return z.NEVER;
    }
  })
  .pipe(
    z.array(
      z.object({
        key: z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be of lower-case letters, digits and dashes'),
        id: z.string().min(1),
        kind: z.enum(['sms', 'sms-extra', 'email', 'email-extra', 'call']),
      }),
    ),
  )
  .refine((all) => new Set(all.map(({ key }) => key)).size === all.length, { error: 'has a key twice' });

const publicKeys = z.string().transform((text, context): KeyObject[] => {
  const pem = text.replaceAll('\\n', '\n').match(/-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----/g);
  try {
    return (pem ?? list(text)).map((key) => {
      const parsed = pem
        ? createPublicKey(key)
        : createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });
      if (parsed.asymmetricKeyType !== 'ed25519') throw new TypeError('not Ed25519');
      return parsed;
    });
  } catch {
    context.addIssue({
      code: 'custom',
      message: 'must be Ed25519 public keys: PEM blocks, or base64 SPKI separated by commas',
    });
    return z.NEVER;
  }
});

const encryptionKeys = z.string().transform((text, context): Buffer[] => {
  const keys = list(text).map((key) => Buffer.from(key, 'base64'));
  if (keys.length > 0 && keys.every((key) => key.length === 32)) return keys;
  context.addIssue({
    code: 'custom',
    message: 'must be base64 of 32 bytes each, separated by commas: openssl rand -base64 32',
  });
  return z.NEVER;
});

const secrets = z
  .string()
  .transform(list)
  .refine((all) => all.length > 0 && all.every((secret) => secret.length >= 16), {
    error: 'must be of at least 16 characters each',
  });

/** Every setting. What is optional here and needed in production is asked for below. */
export const settingsSchema = z.object({
  NODE_ENV: z.string().default('development'),
  PORT: z.coerce.number({ error: 'must be a number' }).int().min(0).max(65535).default(3000),
  APP_URL: webAddress.optional(),
  HIGHLEVEL_CLIENT_ID: z.string().optional(),
  HIGHLEVEL_CLIENT_SECRET: z.string().optional(),
  HIGHLEVEL_SCOPES: z
    .string()
    .default(minimalScopes.join(' '))
    .transform((text) => text.split(/\s+/).filter(Boolean)),
  HIGHLEVEL_PROVIDERS: providers.default([]),
  HIGHLEVEL_SHARED_SECRETS: z.string().default('').transform(list),
  HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: z.string().default(highLevelKey).pipe(publicKeys),
  HIGHLEVEL_API_URL: webAddress.default('https://services.leadconnectorhq.com'),
  HIGHLEVEL_MARKETPLACE_URL: webAddress.default('https://marketplace.gohighlevel.com'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a postgresql:// address')
    .optional(),
  DATA_DIR: z.string().default('./data'),
  ENCRYPTION_KEYS: encryptionKeys.optional(),
  SESSION_SECRETS: secrets.optional(),
  ADMIN_TOKEN: z.string().optional(),
  ALLOW_PRIVATE_TARGETS: flag.optional(),
  FRAME_ANCESTORS: z
    .string()
    .default(highLevelPages)
    .transform((text) => text.split(/[\s,]+/).filter(Boolean))
    .refine((all) => all.every((source) => frameSource.test(source)), {
      error: 'must be origins such as https://app.example.com or https://*.example.com, separated by spaces',
    }),
  KEEP_CHANNELS_AFTER_UNINSTALL: flag.default(false),
  RETENTION_DAYS_AFTER_UNINSTALL: z.coerce.number({ error: 'must be a number of days' }).int().min(0).max(3650).default(30),
  ROLE: z.enum(['web', 'worker', 'all'], { error: 'must be web, worker or all' }).default('all'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { error: 'must be one of pino’s levels' })
    .default('info'),
});

export interface Settings {
  isProduction: boolean;
  /** No HighLevel keys and not production: everything outside is simulated. */
  isSandbox: boolean;
  port: number;
  appUrl: string;
  clientId: string | undefined;
  clientSecret: string | undefined;
  scopes: string[];
  providers: Provider[];
  sharedSecrets: string[];
  webhookKeys: KeyObject[];
  apiUrl: string;
  marketplaceUrl: string;
  databaseUrl: string | undefined;
  dataDir: string;
  encryptionKeys: Buffer[] | undefined;
  sessionSecrets: string[] | undefined;
  adminToken: string | undefined;
  allowPrivateTargets: boolean;
  frameAncestors: string[];
  keepChannels: boolean;
  retentionDays: number;
  role: 'web' | 'worker' | 'all';
  logLevel: string;
}

/**
 * Reads and checks the settings: the environment, and under it the file `.env`.
 *
 * @throws SettingsError with every problem; a value that could be a secret is never part of it
 */
export function loadSettings(environment: NodeJS.ProcessEnv = process.env, envFile = resolve('.env')): Settings {
  const fromFile = existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {};
  const given = Object.entries({ ...fromFile, ...environment }).filter(([, value]) => value !== undefined && value !== '');
  const result = settingsSchema.safeParse(Object.fromEntries(given));
  const shapeProblems = (result.error?.issues ?? []).map(({ path: [name, ...rest], message }) =>
    [String(name), rest.length > 0 ? `(${rest.join('.')})` : '', message].filter(Boolean).join(' '),
  );
  const problems = [...shapeProblems, ...missing(new Map(given))];
  if (!result.success || problems.length > 0) throw new SettingsError(problems);
  const read = result.data;

  const isProduction = read.NODE_ENV === 'production';
  return {
    isProduction,
    isSandbox: !isProduction && !read.HIGHLEVEL_CLIENT_ID && !read.HIGHLEVEL_CLIENT_SECRET,
    port: read.PORT,
    appUrl: read.APP_URL ?? `http://localhost:${read.PORT}`,
    clientId: read.HIGHLEVEL_CLIENT_ID,
    clientSecret: read.HIGHLEVEL_CLIENT_SECRET,
    scopes: read.HIGHLEVEL_SCOPES,
    providers: read.HIGHLEVEL_PROVIDERS,
    sharedSecrets: read.HIGHLEVEL_SHARED_SECRETS,
    webhookKeys: read.HIGHLEVEL_WEBHOOK_PUBLIC_KEYS,
    apiUrl: read.HIGHLEVEL_API_URL,
    marketplaceUrl: read.HIGHLEVEL_MARKETPLACE_URL,
    databaseUrl: read.DATABASE_URL,
    dataDir: resolve(read.DATA_DIR),
    encryptionKeys: read.ENCRYPTION_KEYS,
    sessionSecrets: read.SESSION_SECRETS,
    adminToken: read.ADMIN_TOKEN,
    allowPrivateTargets: read.ALLOW_PRIVATE_TARGETS ?? !isProduction,
    frameAncestors: read.FRAME_ANCESTORS,
    keepChannels: read.KEEP_CHANNELS_AFTER_UNINSTALL,
    retentionDays: read.RETENTION_DAYS_AFTER_UNINSTALL,
    role: read.ROLE,
    logLevel: read.LOG_LEVEL,
  };
}

/** Which database the settings name. */
export function databaseOf({ databaseUrl, dataDir }: Settings): DatabaseTarget {
  return databaseUrl ? { kind: 'postgres', url: databaseUrl } : { kind: 'embedded', dataDir };
}

/** What depends on more than one setting. It looks at what was given, so that it is told together with what is malformed. */
function missing(given: ReadonlyMap<string, unknown>): string[] {
  const isProduction = given.get('NODE_ENV') === 'production';
  const role = given.get('ROLE');
  const problems: string[] = [];
  const need = (name: string, why: string) => {
    if (!given.has(name)) problems.push(`${name} ${why}`);
  };

  if (isProduction) {
    need('HIGHLEVEL_CLIENT_ID', 'is needed in production: the marketplace app’s client id');
    need('HIGHLEVEL_CLIENT_SECRET', 'is needed in production: the marketplace app’s client secret');
    need('ENCRYPTION_KEYS', 'is needed in production: openssl rand -base64 32');
    need('SESSION_SECRETS', 'is needed in production: openssl rand -base64 32');
    if (String(given.get('ADMIN_TOKEN') ?? 'long enough or none').length < 16) {
      problems.push('ADMIN_TOKEN must have at least 16 characters in production');
    }
  } else if (given.has('HIGHLEVEL_CLIENT_ID') !== given.has('HIGHLEVEL_CLIENT_SECRET')) {
    need('HIGHLEVEL_CLIENT_ID', 'is needed with HIGHLEVEL_CLIENT_SECRET');
    need('HIGHLEVEL_CLIENT_SECRET', 'is needed with HIGHLEVEL_CLIENT_ID');
  }
  if (role === 'web' || role === 'worker') {
    need('DATABASE_URL', `is needed with ROLE=${role}: the embedded database takes one process`);
  }
  return problems;
}
