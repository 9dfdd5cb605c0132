import type { KeyObject } from 'node:crypto';
import { type Channels, createChannels } from './channels/registry.ts';
import type { Phone } from './channels/sandbox.ts';
import type { Clock } from './core/clock.ts';
import { orderedIds, type RandomSource } from './core/ids.ts';
import { secretBox } from './core/secret-box.ts';
import { type DatabaseTarget, type Executor, openDatabase } from './database/client.ts';
import type { HighLevelAnswer } from './highlevel/answer.ts';
import { type HighLevel, type HighLevelCall, highLevel } from './highlevel/client.ts';
import type { AppKeys } from './highlevel/oauth.ts';
import type { Provider } from './highlevel/providers.ts';
import { restAfter } from './highlevel/rate-limit.ts';
import type { AppDeps } from './http/app.ts';
import { accessTokens } from './installations/access-token.ts';
import { paceKey, rest } from './installations/pace.ts';
import type { startReconciler } from './jobs/reconciler.ts';
import type { UpkeepDeps } from './jobs/upkeep.ts';
import type { startWorker } from './jobs/worker.ts';
import { knownAfter } from './messages/known-after.ts';
import { giveUp, goOn, unreported } from './messages/location-changes.ts';
import { deliveryReceiver } from './messages/receive.ts';
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
  /** Decrypt user contexts. */
  sharedSecrets: readonly string[];
  adminToken: string | undefined;
  allowPrivateTargets: boolean;
  /** Keeps a location's channels after an uninstall, for its return. */
  keepChannels: boolean;
  /** Messages of an uninstalled location are deleted after so many days. */
  retentionDays: number;
  /** Who may show the embedded page in a frame, besides the agencies' own domains. */
  frameAncestors: readonly string[];
  /** Where sandbox mode's phone is. */
  phone?: Phone | undefined;
  sandboxUrl?: string | undefined;
  /** Other channels than the program's own. */
  channels?: Channels | undefined;
}

/** Everything that the web and the worker use. */
export type Services = AppDeps &
  WorkerDeps & {
    /** Takes no more jobs and waits for those in hand. */
    stopWorking(timeoutMs: number): Promise<void>;
    close(): Promise<void>;
  };

type WorkerDeps = Parameters<typeof startWorker>[0] & Parameters<typeof startReconciler>[0] & UpkeepDeps;

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

  const onAnswer = async (call: HighLevelCall, answer: HighLevelAnswer | null) => {
    metrics.highLevelCalls.inc({ operation: call.operation, status: String(answer?.status ?? 0) });
    if (call.operation === 'updateMessageStatus') {
      metrics.reports.inc({ outcome: answer && answer.status < 300 ? 'accepted' : 'refused' });
    }
    if (!answer) return;
    log.debug({ operation: call.operation, status: answer.status, traceId: answer.traceId }, 'HighLevel answered');
    const restMs = restAfter(answer.limits, answer.status === 429);
    if (restMs > 0) {
      log.warn({ ...call.owner, restMs, ...answer.limits }, 'HighLevel’s limit is used up');
      await rest({ db, clock }, paceKey.highLevel(call.owner), restMs);
    }
  };

  const store = { db, queue, clock, knownAfter: knownAfter() };
  const messages = {
    goOn: (tx: Executor, locationId: string) => goOn(store, tx, locationId),
    giveUp: (locationId: string) => giveUp(store, locationId),
    unreported: (locationId: string) => unreported(store, locationId),
  };
  // Tokens are needed to call HighLevel, and some of HighLevel's calls give tokens.
  const call: HighLevel = (wanted) => callHighLevel(wanted);
  const chance = () => random(4).readUInt32BE() / 2 ** 32;
  const tokens = accessTokens({ ...messages, db, box, clock, newId, highLevelHttp, highLevel: call, app, log, chance });
  const callHighLevel = highLevel({ http: highLevelHttp, tokens, onAnswer });

  const shared = {
    ...store,
    ...messages,
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
    sharedSecrets: options.sharedSecrets,
    adminToken: options.adminToken,
    sandboxUrl: options.sandboxUrl,
    nextStepUrl: options.sandboxUrl,
    channels: options.channels ?? createChannels({ allowPrivateTargets: options.allowPrivateTargets, phone: options.phone }),
    highLevelHttp,
    targetHttp,
    highLevel: call,
    receiveDelivery: deliveryReceiver({ ...store, newId }),
    keepChannels: options.keepChannels,
    retentionDays: options.retentionDays,
    frameAncestors: options.frameAncestors,
    chance,
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
