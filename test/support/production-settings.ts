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
export function createProductionSettings(world: ProductionWorld): Record<string, string> {
  return {
    NODE_ENV: 'production',
    APP_URL: world.baseUrl,
    DATA_DIR: world.dataDir,
    ...(world.databaseUrl ? { DATABASE_URL: world.databaseUrl } : {}),
    HIGHLEVEL_CLIENT_ID: world.app.clientId,
    HIGHLEVEL_CLIENT_SECRET: world.app.clientSecret,
    HIGHLEVEL_PROVIDERS: JSON.stringify(world.app.providers),
    HIGHLEVEL_WEBHOOK_PUBLIC_KEYS: world.platform.publicKey,
    HIGHLEVEL_API_URL: world.platform.url,
    HIGHLEVEL_MARKETPLACE_URL: world.platform.url,
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
    SESSION_SECRETS: randomBytes(32).toString('base64'),
    ADMIN_TOKEN: adminToken,
    ALLOW_PRIVATE_TARGETS: 'true',
  };
}
