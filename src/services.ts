import type { KeyObject } from 'node:crypto';
import { type Channels, createChannels } from './channels/registry.ts';
import type { Phone } from './channels/sandbox.ts';
import type { Clock } from './core/clock.ts';
import { orderedIds, type RandomSource } from './core/ids.ts';
import { secretBox } from './core/secret-box.ts';
import { type DatabaseTarget, openDatabase } from './database/client.ts';
import type { HighLevelAnswer } from './highlevel/answer.ts';
import { type HighLevelCall, highLevel } from './highlevel/client.ts';
import type { AppKeys } from './highlevel/oauth.ts';
import type { Provider } from './highlevel/providers.ts';
import { restAfter } from './highlevel/rate-limit.ts';
import type { AppDeps } from './http/app.ts';
import { accessTokens } from './installations/access-token.ts';
import type { startWorker } from './jobs/worker.ts';
import { knownAfter } from './messages/known-after.ts';
import { paceKey, rest } from './messages/pace.ts';
import { openQueue } from './queue/boss.ts';
import type { Log } from './runtime/log.ts';
import { createMetrics } from './runtime/metrics.ts';
import { httpClient } from './runtime/outbound-http.ts';

/** What the program needs to know and what it needs of the world. */
export interface ServiceOptions {
  database: DatabaseTarget;
  clock: Clock;
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
  adminToken: string | undefined;
  allowPrivateTargets: boolean;
  /** Where sandbox mode's phone is. */
  phone?: Phone | undefined;
  sandboxUrl?: string | undefined;
  /** Other channels than the program's own. */
  channels?: Channels | undefined;
}

/** Everything that the web and the worker use. */
export interface Services extends AppDeps, WorkerDeps {
  /** Takes no more jobs and waits for those in hand. */
  stopWorking(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

type WorkerDeps = Parameters<typeof startWorker>[0];

const highLevelTimeoutMs = 10_000;
const mostSendMs = 60_000;

/** The one place where parts meet. */
export async function openServices(options: ServiceOptions): Promise<Services> {
  const { clock, random, log, app } = options;
  const newId = orderedIds(clock, random);
  const box = secretBox(options.encryptionKeys, random);
  const metrics = createMetrics();
  const db = await openDatabase(options.database);
  const queue = await openQueue({ db, clock, newId, log });

  // HighLevel's address is the operator's setting, not a user's: no guard.
  const highLevelHttp = httpClient({ baseURL: options.apiUrl, timeoutMs: highLevelTimeoutMs, allowPrivateTargets: true });
  const targetHttp = httpClient({ timeoutMs: mostSendMs, allowPrivateTargets: options.allowPrivateTargets });

  const tokens = accessTokens({ db, box, clock, newId, highLevelHttp, app, log });
  const onAnswer = async (call: HighLevelCall, answer: HighLevelAnswer | null) => {
    metrics.highLevelCalls.inc({ operation: call.operation, status: String(answer?.status ?? 0) });
    if (call.operation === 'updateMessageStatus') {
      metrics.reports.inc({ outcome: answer && answer.status < 300 ? 'accepted' : 'refused' });
    }
    if (!answer) return;
    log.debug({ operation: call.operation, status: answer.status, traceId: answer.traceId }, 'HighLevel answered');
    const restMs = restAfter(answer.limits, answer.status === 429);
    if (restMs > 0) {
      log.warn({ locationId: call.locationId, restMs, ...answer.limits }, 'HighLevel’s limit for this location is used up');
      await rest({ db, clock }, paceKey.highLevel(call.locationId), restMs);
    }
  };

  const shared = {
    db,
    queue,
    clock,
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
    adminToken: options.adminToken,
    sandboxUrl: options.sandboxUrl,
    nextStepUrl: options.sandboxUrl,
    channels: options.channels ?? createChannels({ allowPrivateTargets: options.allowPrivateTargets, phone: options.phone }),
    highLevelHttp,
    targetHttp,
    highLevel: highLevel({ http: highLevelHttp, tokens, onAnswer }),
    knownAfter: knownAfter(),
    chance: () => random(4).readUInt32BE() / 2 ** 32,
    onSent(channel: string, outcome: string, ms: number) {
      metrics.sends.inc({ channel, outcome });
      metrics.sendDuration.observe({ channel }, ms / 1000);
    },
  };

  return {
    ...shared,
    stopWorking: (timeoutMs) => queue.stop(timeoutMs),
    close: () => db.close(),
  };
}
