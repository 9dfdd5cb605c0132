import { createHash, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createS3Store } from '../attachments/s3-store.ts';
import { checkLocation } from '../checks/check-location.ts';
import { createProgramCheck } from '../checks/check-program.ts';
import { type Environment, type InspectedDatabase, tryStore } from '../checks/environment.ts';
import type { NewId } from '../core/ids.ts';
import type { Database, DatabaseTarget } from '../database/client.ts';
import { getDatabaseInfo } from '../database/info.ts';
import { inspectServer } from '../database/inspect-server.ts';
import { highLevelApiUrl } from '../highlevel/operations.ts';
import { isPublishedKey } from '../highlevel/webhook-signature.ts';
import { verifyMailServer } from '../runtime/mail.ts';
import { createHttpClient } from '../runtime/outbound-http.ts';
import { readCertificate } from '../runtime/read-certificate.ts';
import { bindAll } from './bind.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Settings that the check of the program looks at. */
export type CheckedSettings = Pick<CapabilityOptions, 'app' | 'appUrl' | 'apiUrl' | 'providers' | 'alertMail'> & {
  attachments: Pick<CapabilityOptions['attachments'], 'folder' | 'bucket' | 'minFreeBytes'>;
  sharedSecrets: readonly string[];
  webhookKeys: readonly KeyObject[];
};

/** The connection check: of the program, and of a location. */
export type Checks = ReturnType<typeof composeChecks>;

const timeoutMs = 10_000;

/** Composes the connection check of a running program. */
export function composeChecks(
  { db, clock, newId }: Pick<Runtime, 'db' | 'clock' | 'newId'>,
  options: CheckedSettings & Pick<CapabilityOptions, 'clock' | 'database'> & { sandboxUrl?: string | undefined },
) {
  const { appUrl, providers, sandboxUrl } = options;
  const environment = createEnvironment(options, {
    clock: options.clock,
    newId,
    database: inspectOwnDatabase(db, options.database, options.clock),
    isSandbox: sandboxUrl !== undefined,
    isHighLevelReachable: true,
    isRunning: async () => true,
  });
  const check = createProgramCheck(clock);
  return {
    checkProgram: () => check(environment, { db, appUrl, providers }),
    ...bindAll({ db, clock, appUrl, providers }, { checkLocation }),
  };
}

function inspectOwnDatabase(db: Database, target: DatabaseTarget, clock: CapabilityOptions['clock']): InspectedDatabase {
  if (target.kind === 'postgres') return inspectTarget(target, clock);
  const migrations = { missingCount: 0, problem: null, isEmpty: false };
  return {
    kind: 'embedded',
    inspect: async () => ({ kind: 'free', version: (await getDatabaseInfo(db)).version, migrations }),
  };
}

/** Inspects a server of the settings. */
export function inspectTarget(
  { url, directUrl }: Extract<DatabaseTarget, { kind: 'postgres' }>,
  clock: CapabilityOptions['clock'],
): InspectedDatabase {
  return {
    kind: 'postgres',
    inspect: () => inspectServer(url, clock),
    inspectDirect: directUrl ? () => inspectServer(directUrl, clock) : null,
  };
}

interface EnvironmentDeps extends Pick<Environment, 'database' | 'isSandbox' | 'isRunning'> {
  clock: CapabilityOptions['clock'];
  newId: NewId;
  /** False in sandbox mode while no program runs: HighLevel is simulated by that. */
  isHighLevelReachable: boolean;
}

/** Creates what the check of the program looks at. */
export function createEnvironment(settings: CheckedSettings, deps: EnvironmentDeps): Environment {
  const { app, appUrl, apiUrl, providers, sharedSecrets, webhookKeys, attachments, alertMail } = settings;
  const { clock, database, isSandbox, isRunning, newId } = deps;
  const { bucket, folder, minFreeBytes } = attachments;
  // The operator sets all of these addresses, not a user: no guard.
  const http = createHttpClient({ timeoutMs, allowPrivateTargets: true });
  return {
    ...{ clock, database, isSandbox, isRunning, app, appUrl, providers, sharedSecrets, http, readCertificate, minFreeBytes },
    webhookKeyCount: webhookKeys.length,
    hasPublishedKey: apiUrl === highLevelApiUrl ? webhookKeys.some(isPublishedKey) : null,
    highLevelHttp: deps.isHighLevelReachable
      ? createHttpClient({ baseURL: apiUrl, timeoutMs, allowPrivateTargets: true })
      : null,
    dataDir: folder,
    tryBucket: bucket ? () => tryBucket(createS3Store({ http, clock }, bucket), newId()) : null,
    verifyMail: alertMail ? () => verifyMailServer(alertMail) : null,
  };
}

/** The store takes a file from the disk. */
async function tryBucket(store: ReturnType<typeof createS3Store>, id: string): Promise<void> {
  const content = `Patchbay checks whether this bucket works: ${id}`;
  const folder = await mkdtemp(join(tmpdir(), 'patchbay-check-'));
  const path = join(folder, id);
  try {
    await writeFile(path, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    await tryStore(store, { id: `check-${id}`, path, bytes: Buffer.byteLength(content), sha256, content });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
