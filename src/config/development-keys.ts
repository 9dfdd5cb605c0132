import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { RandomSource } from '../core/ids.ts';

const schema = z.object({
  encryptionKey: z.base64(),
  sessionSecret: z.string().min(16),
  adminToken: z.string().min(16),
});

/** Keys that a development installation generates. */
type DevelopmentKeys = z.infer<typeof schema>;

/** Returns the path of the file with the development keys. */
export function getDevelopmentKeysPath(dataDir: string): string {
  return join(dataDir, 'keys.json');
}

/**
 * Loads the development keys, and generates them at the first start. They stay beside the data that they protect, as other keys could not
 * read that data. Production never calls this.
 */
export function loadDevelopmentKeys(dataDir: string, random: RandomSource): DevelopmentKeys {
  const file = getDevelopmentKeysPath(dataDir);
  if (existsSync(file)) return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const keys = {
    encryptionKey: random(32).toString('base64'),
    sessionSecret: random(32).toString('base64url'),
    adminToken: random(24).toString('base64url'),
  };
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return createAtomically(file, `${JSON.stringify(keys, null, 2)}\n`, random) ? keys : loadDevelopmentKeys(dataDir, random);
}

/** Creates a file atomically, so that no other process reads a part of it. @returns false when it exists already */
function createAtomically(file: string, content: string, random: RandomSource): boolean {
  const draft = `${file}.${random(8).toString('hex')}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft);
  }
}

/** Keys that the settings may give. */
interface ConfiguredKeys {
  isProduction: boolean;
  dataDir: string;
  encryptionKeys: Buffer[] | undefined;
  sessionSecrets: string[] | undefined;
  adminToken: string | undefined;
}

/** Returns the keys that a process uses: the configured ones and, outside production, development keys for the rest. */
export function resolveKeys(configured: ConfiguredKeys, random: RandomSource) {
  const developmentKeys = configured.isProduction ? undefined : loadDevelopmentKeys(configured.dataDir, random);
  return {
    encryptionKeys: configured.encryptionKeys ?? [Buffer.from(developmentKeys?.encryptionKey ?? '', 'base64')],
    sessionSecrets: configured.sessionSecrets ?? [developmentKeys?.sessionSecret ?? ''],
    adminToken: configured.adminToken ?? developmentKeys?.adminToken,
  };
}
