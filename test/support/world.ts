import { createPublicKey, randomBytes } from 'node:crypto';
import express from 'express';
import request from 'supertest';
import type { Channels } from '../../src/channels/registry.ts';
import type { AppOptions } from '../../src/compose.ts';
import { createHttpApp } from '../../src/http/app.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { type Behaviour, createSimulator } from '../../src/sandbox/highlevel/simulator.ts';
import { listPeriodicTasks, startPeriodicTasks } from '../../src/worker/periodic-tasks.ts';
import { startWorker } from '../../src/worker/queue-handlers.ts';
import { createAlertWatchers, isMonitoringTask, isReconcilingTask } from './alert-watchers.ts';
import { createApiClient } from './api-client.ts';
import { createTestDatabase } from './databases.ts';
import type { EarlierState } from './earlier-state.ts';
import { listen } from './http.ts';
import { adminToken } from './production-settings.ts';
import { createTemporaryFolder } from './program.ts';
import { allProviders, callProvider } from './providers.ts';
import { composeServices } from './services.ts';
import { createTestClock, type TestClock } from './test-clock.ts';
import { startVendor } from './vendor.ts';
import { listScopes, toWorkflowOptions, workflowSecret } from './workflow-options.ts';

export const sharedSecret = 'shared-secret-of-the-tests';

export { allProviders };

export interface WorldOptions {
  behaviour?: Partial<Behaviour>;
  /** What the app may do; by default the least. */
  scopes?: readonly string[];
  /** The app has a provider for calls too. */
  logsCalls?: boolean;
  channels?: (vendor: { url: string; secret: string }) => Channels;
  hasWorkflows?: boolean;
  /** Leave jobs where they are. */
  isIdle?: boolean;
  /** Look for alerts, as every real worker does. */
  watchesAlerts?: boolean;
  services?: Partial<AppOptions>;
  clocks?: (clock: TestClock) => Pick<AppOptions, 'clock' | 'readTime'>;
  attachments?: Partial<AppOptions['attachments']>;
  /** State that an earlier version has left. */
  from?: EarlierState;
}

/** Whom HighLevel says that it shows the page to. */
export type UserContext = {
  companyId: string;
  activeLocation?: string;
  role?: string;
  type?: string;
  userId?: string;
};

export type World = Awaited<ReturnType<typeof startWorld>>;

/**
 * The whole program with a simulated HighLevel, a simulated vendor and a clock of its own. Leaving it stops all of them and fails the test when
 * the program made a call that a correct one never makes.
 */
export async function startWorld(options: WorldOptions = {}) {
  const { from } = options;
  const providers = options.logsCalls ? [...allProviders, callProvider] : allProviders;
  const clock = createTestClock(from?.leftAt);
  const vendor = await startVendor(from?.gatewaySecret);
  const { target, remove } = await (from?.createDatabase(vendor) ?? createTestDatabase({ isLeftAsFound: true }));
  const folder = createTemporaryFolder();
  const [patchbay, platform] = [await listen(), await listen()];
  const app = {
    clientId: '5f1a2b3c4d5e6f7a8b9c0d1e-patchbay',
    clientSecret: 'client-secret-of-the-tests',
    baseUrl: patchbay.url,
    redirectUri: `${patchbay.url}/oauth/callback`,
    providers,
    scopes: options.scopes ?? listScopes(options.hasWorkflows),
    ...{ workflowSecret, getApiUrl: () => platform.url },
  };
  const highlevel = createSimulator({
    clock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 15_000, allowPrivateTargets: true }),
    app: { ...app, sharedSecret },
    behaviour: options.behaviour ?? {},
    state: from?.highlevel,
  });
  const platformApp = express().set('views', 'views').set('view engine', 'ejs').use(highlevel.router);
  platform.server.on('request', platformApp);

  const services = await composeServices({
    database: target,
    random: randomBytes,
    log: createLog(process.env.TEST_LOG ?? 'silent'),
    app,
    appUrl: patchbay.url,
    apiUrl: platform.url,
    marketplaceUrl: platform.url,
    providers,
    webhookKeys: [createPublicKey({ key: Buffer.from(highlevel.publicKey, 'base64'), format: 'der', type: 'spki' })],
    encryptionKeys: [randomBytes(32)],
    sessionSecrets: ['session-secret-of-the-tests'],
    adminToken,
    ...toWorkflowOptions(options.hasWorkflows),
    version: '0.0.0-test',
    sharedSecrets: ['another-shared-secret', sharedSecret],
    allowPrivateTargets: true,
    trustProxy: ['loopback'],
    frameAncestors: [],
    keepChannels: false,
    sendConcurrency: 500,
    retentionDays: 30,
    retention: { messageDays: null, contentDays: null },
    alertLimits: { failureRate: 0.5, silentHours: 48, quotaRemaining: 10_000, queueLatencySeconds: 300, signatureFailures: 20 },
    attachments: {
      folder: folder.path,
      maxBytes: 1024 * 1024,
      maxBytesPerLocation: 100 * 1024 * 1024,
      minFreeBytes: 0,
      days: 30,
      delivery: 'link',
      ...options.attachments,
    },
    channels: options.channels?.(vendor),
    ...options.services,
    ...(options.clocks ?? sameClock)(clock),
  });
  patchbay.server.on('request', createHttpApp(services));
  if (!options.isIdle) await startWorker(services);
  const tasks = listPeriodicTasks(services);
  const stopReconciler = startPeriodicTasks(services, options.isIdle ? [] : tasks.filter(isReconcilingTask));
  const alertWatchers = createAlertWatchers(services.db, clock);
  const startAlertWatcher = () => alertWatchers.start(services.log, tasks.filter(isMonitoringTask));
  const stopWatcher = options.watchesAlerts ? startAlertWatcher() : async () => {};
  const client = request(patchbay.url);
  const operator = { authorization: `Bearer ${adminToken}` };

  /**
   * A longer step jumps: timers that come due in between fire once at its end, as if the process had slept. No job may run then,
   * or it would look orphaned.
   */
  async function step(ms: number): Promise<void> {
    if (ms <= 1_000) return clock.tick(ms);
    await world.waitFor(async () => (await countRunningJobs()) === 0, 'no job is running');
    clock.jump(ms - 1);
    await clock.tick(1);
  }

  async function countRunningJobs(): Promise<number> {
    const [row] = await world.db.$queryRaw<{ count: bigint }[]>`SELECT count(*) FROM jobs WHERE worker_id IS NOT NULL`;
    return Number(row?.count ?? 0);
  }

  /**
   * A turn for sockets and the database, which keep real time: as many as what is due needs, within bounds, as some of it hangs because
   * a test wants it to. Watchers finish their look. So a slow machine does not see more of the clock go by than a fast one.
   */
  async function settle(): Promise<void> {
    await world.waitFor(alertWatchers.areIdle, 'watchers at rest');
    for (let turns = 0; turns < maxTurns; turns++) {
      await yieldToIo();
      if (!(await hasDueJobs())) return;
    }
  }

  /** What rests for a limit's sake is not. */
  async function hasDueJobs(): Promise<boolean> {
    const now = new Date(clock.now());
    try {
      const [row] = await world.db.$queryRaw<{ isDue: boolean }[]>`
        SELECT EXISTS (SELECT 1 FROM jobs WHERE worker_id IS NOT NULL OR (is_head AND due_at <= ${now} AND NOT EXISTS (
          SELECT 1 FROM rate_limits WHERE key = group_key AND (tat_at > ${now} OR paused_until > ${now})))) AS "isDue"`;
      return row?.isDue ?? false;
    } catch {
      // A test has taken the database away.
      return false;
    }
  }

  const world = {
    clock,
    highlevel,
    vendor,
    services,
    db: services.db.client,
    url: patchbay.url,
    client,

    /** The operator's API. */
    api: createApiClient(client, operator),

    /** What a user of the embedded page is given for HighLevel's context. @returns the token */
    async createUserToken(context: UserContext): Promise<string> {
      const encryptedData = highlevel.createUserContext(context);
      const { body } = await client.post('/api/session').send({ encryptedData }).expect(200);
      return body.token;
    },

    /** The API as a user of the embedded page. */
    async apiAs(context: UserContext) {
      return createApiClient(client, { authorization: `Bearer ${await world.createUserToken(context)}` });
    },

    /** What the browser does with the code that a consent gave. @returns the page */
    finishInstall: (code: string) => client.get('/oauth/callback').query({ code }).set('accept', 'text/html').expect(200),

    /** A location that has installed the app, with one contact. */
    async install() {
      const location = highlevel.addLocation();
      const contact = highlevel.addContact(location.id, {
        name: 'Maya Ortiz',
        phone: '+12025550143',
        email: 'maya@example.com',
        tags: ['vip'],
        source: 'front desk',
      });
      const code = highlevel.approveInstall(location.id);
      await world.finishInstall(code);
      return { ...location, contact };
    },

    /** Connects the vendor as a gateway. @returns the connection's id */
    async connect(locationId: string, providerKey = 'sms', config: Record<string, unknown> = {}): Promise<string> {
      const { body } = await world.api
        .put(`/locations/${locationId}/channels/${providerKey}`, {
          type: 'gateway',
          config: { url: vendor.url, secret: vendor.secret, ...config },
        })
        .expect(200);
      return body.connectionId;
    },

    /** A location, installed and connected. */
    async setUpLocation(config: Record<string, unknown> = {}) {
      const location = await world.install();
      return { ...location, connectionId: await world.connect(location.id, 'sms', config) };
    },

    /** A channel webhook of the vendor to Patchbay. */
    postChannelWebhook(connectionId: string, event: string, content: unknown, options: { at?: Date; secret?: string } = {}) {
      const { headers, body } = vendor.signWebhook(content, options.at, options.secret);
      return client.post(`/channels/${connectionId}/${event}`).set(headers).send(body);
    },

    /** Our row of a message that HighLevel sent. */
    async getMessage(highlevelMessageId: string) {
      return world.db.message.findFirstOrThrow({ where: { highlevelMessageId } });
    },

    /** Another process that looks for alerts. @returns stops it */
    startAlertWatcher,

    /** Moves the clock until the condition holds, a second at a time, or in jumps where a long time must pass. */
    async advanceUntil(condition: () => unknown, description = condition.toString(), stepMs = 1_000): Promise<void> {
      const timeoutAt = performance.now() + 60_000;
      while (!(await condition())) {
        if (performance.now() > timeoutAt) throw new Error(`It never came about: ${description}`);
        await settle();
        await step(stepMs);
      }
    },

    /** Waits without moving the clock. */
    async waitFor(condition: () => unknown, description = condition.toString()): Promise<void> {
      const timeoutAt = performance.now() + 30_000;
      while (!(await condition())) {
        if (performance.now() > timeoutAt) throw new Error(`It did not come about at once: ${description}`);
        await yieldToIo();
      }
    },

    /** Moves the clock on, with time for what it sets off. */
    async advance(ms: number, stepMs = 1_000): Promise<void> {
      for (let left = ms; left > 0; left -= stepMs) {
        await step(Math.min(left, stepMs));
        await settle();
      }
    },
    advanceUntilReported: (messageId: string) =>
      world.advanceUntil(() => highlevel.listStatuses(messageId).length > 0, `${messageId} reported`),

    async [Symbol.asyncDispose]() {
      await patchbay.close();
      await Promise.all([services.stopWorking(2_000), stopReconciler(), stopWatcher()]);
      await services.close();
      await Promise.all([vendor.close(), platform.close()]);
      await remove();
      folder[Symbol.dispose]();
      expect(highlevel.calls.listViolations()).toEqual([]);
      expect(vendor.wrongSignatures).toEqual([]);
    },
  };
  return world;
}

const maxTurns = 6;
const sameClock = (clock: TestClock) => ({ clock, readTime: async () => clock.now() });

const yieldToIo = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
