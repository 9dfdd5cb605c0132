import { createPublicKey } from 'node:crypto';
import type { Server } from 'node:http';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Channel } from './channels/channel.ts';
import { ChannelPackageError, loadChannelPackages } from './channels/packages.ts';
import { listOwnTypes } from './channels/registry.ts';
import { createChannelTools } from './channels/tools.ts';
import { type App, type AppOptions, composeApp } from './compose.ts';
import { toCheckedSettings } from './config/checked-settings.ts';
import { getDevelopmentKeysPath, resolveKeys } from './config/development-keys.ts';
import { loadSettings, type Settings, SettingsError, toDatabaseTarget } from './config/settings.ts';
import { readVersion } from './config/version.ts';
import { systemClock } from './core/clock.ts';
import { listDevelopmentHosts } from './core/hosts.ts';
import { systemRandom } from './core/ids.ts';
import type { DatabaseTarget } from './database/client.ts';
import { lockDirectory } from './database/directory-lock.ts';
import { createHealthApp, createHttpApp } from './http/app.ts';
import { closeServer, createHttpServer, drainConnections } from './http/server.ts';
import { restrictNewFiles, restrictToOwner } from './runtime/file-permissions.ts';
import { createLog, type Log } from './runtime/log.ts';
import { guardOutput } from './runtime/log-output.ts';
import { createHttpClient } from './runtime/outbound-http.ts';
import type { Telemetry, TelemetryOptions } from './runtime/telemetry/start-telemetry.ts';
import type { Sandbox } from './sandbox/server.ts';
import { listPeriodicTasks, startPeriodicTasks } from './worker/periodic-tasks.ts';
import { startWorker } from './worker/queue-handlers.ts';

/** Time from SIGTERM to the end of the process; jobs that still run are found again at the next start. */
const stopTimeoutMs = 10_000;
const finishJobsTimeoutMs = 7_000;
const finishRequestsTimeoutMs = 6_000;
/** Longer only while the database is unavailable and this process alone knows a vendor's response. Supervisors have their own limits. */
const storeResponsesTimeoutMs = 60_000;

const sandboxProviders = [
  { key: 'sms', id: '5a4d62f0c0ffee0000000001', kind: 'sms' },
  { key: 'email', id: '5a4d62f0c0ffee0000000002', kind: 'email' },
] as const;

/** Public, as all of the sandbox: its simulated HighLevel and the program run on one machine. */
const sandboxWorkflowSecret = 'sandbox-workflow-secret';

let isStopping = false;

restrictNewFiles();
guardOutput(process.stderr);

// Collect garbage rather than grow: a process that works beside others is to stay small under load.
setFlagsFromString('--heap-growing-percent=30');

const settings = readSettings();
const log = createLog(settings.logLevel);
process.on('unhandledRejection', (error) => crash(log, error));
process.on('uncaughtException', (error) => crash(log, error));
await start(settings, log).catch((error: unknown) => crash(log, error));

function readSettings(): Settings {
  try {
    return loadSettings();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    exitWithProblems(error, 'See .env.example.');
  }
}

function exitWithProblems({ message, problems }: SettingsError | ChannelPackageError, advice: string): never {
  console.error([message, ...problems.map((problem) => `  - ${problem}`), advice].join('\n'));
  process.exit(1);
}

/** Loads the channels of packages. They run with the rights of the program: the operator alone names them. */
async function loadPackagedChannels({ channelPackages, allowPrivateTargets }: Settings): Promise<Channel[]> {
  const deps = { importModule: (name: string) => import(name), tools: createChannelTools(allowPrivateTargets) };
  try {
    return await loadChannelPackages(deps, channelPackages, listOwnTypes());
  } catch (error) {
    if (!(error instanceof ChannelPackageError)) throw error;
    exitWithProblems(error, 'See docs/adding-a-channel.md.');
  }
}

async function start(settings: Settings, log: Log): Promise<void> {
  const packagedChannels = await loadPackagedChannels(settings);
  const database = toDatabaseTarget(settings);
  // Locks the folder before its first use: a start that is refused must not touch it.
  if (database.kind === 'embedded' || settings.isSandbox) await lockDirectory(settings.dataDir);
  // Holds the lock until the process ends: the sandbox writes its state last.
  if (database.kind === 'embedded') database.unlock = async () => {};
  restrictToOwner(settings.dataDir);
  const newerVersion = Promise.withResolvers<string>();
  const telemetry = settings.telemetry && (await openTelemetry(settings, settings.telemetry, log));
  const options: AppOptions = {
    ...toAppOptions(settings, database, log),
    tracing: telemetry?.tracing,
    packagedChannels,
    onNewerVersion: newerVersion.resolve,
  };
  const sandbox = settings.isSandbox ? await openSandbox(settings, options) : undefined;
  const app = await composeApp(sandbox ? withSandbox(options, sandbox) : options);
  app.metrics.collectProcess();
  telemetry?.exportMetrics({ registry: app.metrics.registry, refresh: app.gauges.refreshGauges });

  const isWorker = settings.role !== 'web';
  if (isWorker) await startWorker(app);
  const stopPeriodicTasks = startPeriodicTasks(app, isWorker ? listPeriodicTasks(app) : []);
  const httpApp = settings.role === 'worker' ? createHealthApp(app) : createHttpApp(app);
  const server = createHttpServer(httpApp, { maxConnections: settings.maxConnections });
  await listen(server, settings);

  const running = { server, app, sandbox, telemetry, stopPeriodicTasks };
  const stop = (signal: string) => shutDown(log, signal, running, storeResponsesTimeoutMs);
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  void newerVersion.promise.then((migration) => {
    log.warn({ migration }, 'a newer version of the program has migrated the database: this process stops');
    // Responses that only this process has received can no longer be stored in the tables of the newer version.
    return shutDown(log, 'newer version', running, 0);
  });
  logStarted(settings, log, app.version);
  // What this start has compiled the next one reads (NODE_COMPILE_CACHE); a process that is killed would never write it.
  flushCompileCache();
}

function toAppOptions(settings: Settings, database: DatabaseTarget, log: Log): AppOptions {
  return {
    ...resolveKeys(settings, systemRandom),
    database,
    replicaUrl: settings.databaseReplicaUrl,
    clock: systemClock,
    random: systemRandom,
    log,
    ...toCheckedSettings(settings),
    version: readVersion(),
    marketplaceUrl: settings.marketplaceUrl,
    walletMeterId: settings.walletMeterId,
    metricsToken: settings.metricsToken,
    workflowSecrets: settings.workflowSecrets,
    workflowResumePath: settings.workflowResumePath,
    allowPrivateTargets: settings.allowPrivateTargets,
    consentClients: settings.consentClients,
    trustProxy: settings.trustProxy,
    allowedHosts: settings.isProduction ? undefined : listDevelopmentHosts(settings.appUrl),
    frameAncestors: settings.frameAncestors,
    keepChannels: settings.keepChannelsAfterUninstall,
    sendConcurrency: settings.sendConcurrency,
    confirmTimeoutMs: settings.confirmTimeoutMs,
    slowStatementMs: settings.slowStatementMs,
    retentionDays: settings.retentionDaysAfterUninstall,
    retention: settings.retention,
    alertLimits: settings.alertLimits,
    alertWebhook: settings.alertWebhook,
  };
}

/** Starts OpenTelemetry. Its module is imported only here, so that a start without a collector loads none of it. */
async function openTelemetry({ role }: Settings, options: TelemetryOptions, log: Log): Promise<Telemetry> {
  const { startTelemetry } = await import('./runtime/telemetry/start-telemetry.ts');
  const instanceId = systemRandom(8).toString('hex');
  return startTelemetry({ clock: systemClock, log }, { ...options, version: readVersion(), role, instanceId });
}

/** Starts the simulated HighLevel of sandbox mode. Its module is imported only here, so production never loads it. */
async function openSandbox(settings: Settings, options: AppOptions): Promise<Sandbox> {
  const { startSandbox } = await import('./sandbox/server.ts');
  return startSandbox({
    port: settings.port + 1,
    host: settings.host,
    clock: options.clock,
    random: options.random,
    http: createHttpClient({ timeoutMs: 15_000, allowPrivateTargets: true }),
    app: {
      ...options.app,
      baseUrl: options.appUrl,
      providers: settings.providers.length > 0 ? settings.providers : [...sandboxProviders],
      workflowSecret: sandboxWorkflowSecret,
    },
    adminToken: options.adminToken ?? '',
    behaviour: { statusDelayMs: 1_500 },
    stateFile: join(settings.dataDir, 'sandbox.json'),
  });
}

function withSandbox(options: AppOptions, sandbox: Sandbox): AppOptions {
  return {
    ...options,
    apiUrl: sandbox.url,
    marketplaceUrl: sandbox.url,
    providers: options.providers.length > 0 ? options.providers : [...sandboxProviders],
    // Those of the settings count too: a developer may send requests of his own.
    webhookKeys: [
      createPublicKey({ key: Buffer.from(sandbox.publicKey, 'base64'), format: 'der', type: 'spki' }),
      ...options.webhookKeys,
    ],
    sharedSecrets: [sandbox.sharedSecret, ...options.sharedSecrets],
    frameAncestors: [...options.frameAncestors, sandbox.url],
    phone: sandbox.phone,
    workflowSecrets: [sandboxWorkflowSecret, ...options.workflowSecrets],
    sandboxUrl: sandbox.url,
    examples: sandbox.examples,
  };
}

function listen(server: Server, { port, host }: Pick<Settings, 'port' | 'host'>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, resolve);
  });
}

function logStarted(settings: Settings, log: Log, version: string): void {
  log.info({ version, port: settings.port, role: settings.role, sandbox: settings.isSandbox }, 'Patchbay is running');
  if (settings.isSandbox) {
    console.log(`\n  Patchbay is running in sandbox mode. Open  ${settings.appUrl}\n`);
  } else if (!settings.isProduction && !settings.adminToken) {
    console.log(
      `\n  Patchbay is running at ${settings.appUrl}. The operator’s token is in ${getDevelopmentKeysPath(settings.dataDir)}\n`,
    );
  }
  if (!settings.isProduction && !settings.isSandbox) {
    log.warn(
      'HighLevel’s keys are set, but NODE_ENV is not production: the defaults are for development, private addresses included',
    );
  }
  if (settings.isProduction && !settings.appUrl.startsWith('https:')) {
    log.warn('APP_URL is not https: browsers will send cookies, and vendors messages, unencrypted');
  }
}

/** Stops accepting work, finishes the running jobs, and leaves the others to the next start. */
async function shutDown(
  log: Log,
  reason: string,
  running: {
    server: Server;
    app: App;
    sandbox: Sandbox | undefined;
    telemetry: Telemetry | undefined;
    stopPeriodicTasks: () => Promise<void>;
  },
  storeTimeoutMs: number,
): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  log.info({ reason }, 'stopping');
  const hasUnwritten = () => storeTimeoutMs > 0 && running.app.messaging.listUnwritten().length > 0;
  systemClock.setTimeout(() => hasUnwritten() || process.exit(1), stopTimeoutMs);
  systemClock.setTimeout(() => process.exit(1), stopTimeoutMs + storeTimeoutMs);
  const stopServing = async () => {
    await drainConnections(running.server, systemClock);
    running.app.live.close();
    await closeServer(running.server, systemClock, finishRequestsTimeoutMs);
  };
  await Promise.all([running.app.stopWorking(finishJobsTimeoutMs, storeTimeoutMs), running.stopPeriodicTasks(), stopServing()]);
  await running.telemetry?.stop();
  await running.app.close();
  await running.sandbox?.close();
  log.info('stopped');
  process.exit(0);
}

function crash(log: Log, error: unknown): never {
  log.fatal({ err: error }, 'Patchbay must stop');
  console.error(`\nPatchbay must stop: ${describeError(error)}`);
  process.exit(1);
}

function describeError(error: unknown): string {
  const { code, port } = error as { code?: string; port?: number };
  if (code === 'EADDRINUSE') return `Port ${port} is in use. Stop what uses it, or set PORT.`;
  return error instanceof Error ? error.message : String(error);
}
