import { randomBytes } from 'node:crypto';

export const adminToken = 'operator-token-of-the-tests';

/** What a production needs to know of its world. */
export interface ProductionWorld {
  baseUrl: string;
  dataDir: string;
  databaseUrl?: string | undefined;
  /** HighLevel's place is taken by a simulator there. */
  platform: { url: string; publicKey: string };
  app: { clientId: string; clientSecret: string; providers: readonly object[] };
}

/** The settings of the real program as production starts it, but for its port. */
export function productionSettings(of: ProductionWorld): Record<string, string> {
  return {
    NODE_ENV: 'production',
    APP_URL: of.baseUrl,
    DATA_DIR: of.dataDir,
    ...(of.databaseUrl ? { DATABASE_URL: of.databaseUrl } : {}),
    HIGHLEVEL_CLIENT_ID: of.app.clientId,
    HIGHLEVEL_CLIENT_SECRET: of.app.clientSecret,
    HIGHLEVEL_PROVIDERS: JSON.stringify(of.app.providers),
    HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: of.platform.publicKey,
    HIGHLEVEL_API_URL: of.platform.url,
    HIGHLEVEL_MARKETPLACE_URL: of.platform.url,
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
    SESSION_SECRETS: randomBytes(32).toString('base64'),
    ADMIN_TOKEN: adminToken,
    ALLOW_PRIVATE_TARGETS: 'true',
  };
}
