import { type Clock, dateNow } from '../core/clock.ts';
import { createIdGenerator, type NewId, type RandomSource } from '../core/ids.ts';
import { createSecretBox, type SecretBox } from '../core/secret-box.ts';
import { type Database, openDatabase } from '../database/client.ts';
import { openSharedClock } from '../database/clock-steps.ts';
import { createReader, type Reader } from '../database/replica.ts';
import { createSlowStatementLog } from '../database/slow-statements.ts';
import { requireUsable } from '../database/transfer/freeze.ts';
import { type KeyRing, recordKeys, toKeyRings } from '../installations/key-inventory.ts';
import type { Log } from '../runtime/log.ts';
import { createMetrics, type Metrics } from '../runtime/metrics.ts';
import { createHttpClient, type HttpClient } from '../runtime/outbound-http.ts';
import type { Tracing } from '../runtime/tracing.ts';
import type { CapabilityOptions } from './options.ts';

/** Base of every capability: the database, time, randomness, secrets, the log and the metrics. */
export interface Runtime {
  db: Database;
  /** Reads that may be some seconds old. */
  reader: Reader;
  clock: Clock;
  /** Difference between this machine's clock and the database's. */
  clockSkewMs: () => number;
  random: RandomSource;
  newId: NewId;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  box: SecretBox;
  keyRings: readonly KeyRing[];
  log: Log;
  metrics: Metrics;
  /** Undefined without a collector. */
  tracing: Tracing | undefined;
  /** For addresses that users supply: guarded against private targets. */
  targetHttp: HttpClient;
  startedAt: Date;
  close(): Promise<void>;
}

const maxSendMs = 60_000;

/** Opens the database and the shared clock. */
export async function composeRuntime(options: CapabilityOptions): Promise<Runtime> {
  const { random, log, slowStatementMs } = options;
  const metrics = createMetrics();
  const count = () => metrics.slowStatements.inc();
  const observeStatement = slowStatementMs
    ? createSlowStatementLog({ clock: options.clock, log, count }, slowStatementMs)
    : undefined;
  const db = await openDatabase(options.database, { log, onNewerVersion: options.onNewerVersion, observeStatement });
  await requireUsable((sql) => db.client.$queryRawUnsafe(sql));
  // The only clock from here on, because other processes compare the times that this one stores.
  const clock = await openSharedClock(db, { clock: options.clock, readTime: options.readTime, log });
  const reader = createReader({ clock, log }, db, options.replicaUrl);
  const keyRings = toKeyRings({ encryption: options.encryptionKeys, session: options.sessionSecrets });
  await recordKeys({ db, clock }, keyRings);
  return {
    db,
    reader,
    clock,
    clockSkewMs: clock.skewMs,
    random,
    newId: createIdGenerator(clock, random),
    jitter: () => random(4).readUInt32BE() / 2 ** 32,
    box: createSecretBox(options.encryptionKeys, random, clock),
    keyRings,
    log,
    metrics,
    tracing: options.tracing,
    targetHttp: createHttpClient({ timeoutMs: maxSendMs, allowPrivateTargets: options.allowPrivateTargets }),
    startedAt: dateNow(clock),
    async close() {
      await clock.stop();
      await reader.close();
      await db.close();
    },
  };
}
