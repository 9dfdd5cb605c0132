import type { KeyObject } from 'node:crypto';
import { composeAlerts } from './compose/alerts.ts';
import { composeAttachments } from './compose/attachments.ts';
import { composeChannelSessions } from './compose/channel-sessions.ts';
import { composeChecks } from './compose/checks.ts';
import { composeConnections } from './compose/connections.ts';
import { composeGauges } from './compose/gauges.ts';
import { composeHighLevel } from './compose/highlevel.ts';
import { composeInstallations } from './compose/installations.ts';
import { composeLocationHooks, composeMessageStore, composeMessaging } from './compose/messaging.ts';
import type { CapabilityOptions } from './compose/options.ts';
import { composeOutgoingWebhooks } from './compose/outgoing-webhooks.ts';
import { composePrivacy } from './compose/privacy.ts';
import { composeQueue } from './compose/queue.ts';
import { treatRestore } from './compose/restore.ts';
import { composeRuntime } from './compose/runtime.ts';
import { composeWorkflows } from './compose/workflows.ts';
import type { ConnectionExamples } from './http/pages/channels/providers.ts';
import { createLiveStreams } from './http/pages/framework/live.ts';
import { createBodyReader } from './http/read-body.ts';
import type { RetentionDays } from './messages/privacy/retention-policy.ts';

/** Settings, keys and the outside world that the program is composed from. */
export interface AppOptions extends CapabilityOptions {
  webhookKeys: readonly KeyObject[];
  /** Decrypt user contexts. */
  sharedSecrets: readonly string[];
  adminToken: string | undefined;
  metricsToken?: string | undefined;
  /** Secrets of workflow actions and triggers, the current one first; none: they are off. */
  workflowSecrets: readonly string[];
  /** Version of the program, shown to the operator. */
  version: string;
  /** Number of proxies in front of the program, or their addresses. */
  trustProxy: number | string[];
  /** Outside production: the hosts under which the program may be requested. */
  allowedHosts?: ReadonlySet<string> | undefined;
  /** Maximum number of concurrent sends of a worker process. */
  sendConcurrency: number;
  /** Days after which the messages of an uninstalled location are deleted. */
  retentionDays: number;
  /** Days for which messages and their content are kept. */
  retention: RetentionDays;
  /** Origins that may frame the embedded page, besides the agencies' own domains. */
  frameAncestors: readonly string[];
  sandboxUrl?: string | undefined;
  /** Vendors to try the channels with, in sandbox mode. */
  examples?: ConnectionExamples | undefined;
}

/** The program without its processes: what the HTTP edge and the workers use. */
export type App = Awaited<ReturnType<typeof composeApp>>;

/** Composes the program: one function a capability, each of which gets the capabilities that it needs. */
export async function composeApp(options: AppOptions) {
  const runtime = await composeRuntime(options);
  await treatRestore(runtime, options);
  const queue = composeQueue(runtime);
  const attachments = composeAttachments(runtime, options);
  const connections = composeConnections(runtime, options, attachments);
  const alerts = composeAlerts(runtime, options);
  const store = composeMessageStore(runtime);
  const hooks = composeLocationHooks(runtime, store);
  const highlevel = composeHighLevel(runtime, options, () => installations);
  const installations = composeInstallations(runtime, options, { ...highlevel, ...hooks, connections });
  const messaging = composeMessaging(runtime, options, {
    ...{ ...highlevel, store, hooks, attachments, connections, installations },
    sendThroughSession: (connectionId, message) => channelSessions.send(connectionId, message),
  });
  const channelSessions = composeChannelSessions(runtime, options, { queue, connections, messaging });
  const privacy = composePrivacy(runtime, options, store);
  const workflows = composeWorkflows(runtime, options, { ...highlevel, connections, installations, messaging });
  const checks = composeChecks(runtime, options);
  const outgoingWebhooks = composeOutgoingWebhooks(runtime, options, { connections, messaging });
  const live = createLiveStreams(runtime);

  return {
    queue,
    highlevel,
    attachments,
    connections,
    installations,
    messaging,
    channelSessions,
    workflows,
    privacy,
    outgoingWebhooks,
    alerts,
    checks,
    gauges: composeGauges(runtime, queue),
    ...toEdgeSettings(options),
    ...runtime,
    live,
    /** Takes no more jobs and waits for those that run, then up to `storeResponsesTimeoutMs` for the database to store what vendors responded. */
    stopWorking(timeoutMs: number, storeResponsesTimeoutMs = 0) {
      channelSessions.drain();
      return queue.stop(timeoutMs, async () => {
        await channelSessions.stop();
        await messaging.drainSettlements(storeResponsesTimeoutMs);
      });
    },
    async close() {
      live.close();
      await Promise.all([alerts.close(), installations.close(), outgoingWebhooks.stop()]);
      await runtime.close();
    },
  };
}

/** Picks the settings that the HTTP edge and the workers read. */
function toEdgeSettings(options: AppOptions) {
  const { sandboxUrl } = options;
  return {
    app: options.app,
    appUrl: options.appUrl,
    marketplaceUrl: options.marketplaceUrl,
    providers: options.providers,
    webhookKeys: options.webhookKeys,
    sessionSecrets: options.sessionSecrets,
    sharedSecrets: options.sharedSecrets,
    adminToken: options.adminToken,
    workflowSecrets: options.workflowSecrets,
    metricsToken: options.metricsToken,
    sandboxUrl,
    trustProxy: options.trustProxy,
    allowedHosts: options.allowedHosts,
    version: options.version,
    customPageUrl: sandboxUrl && `${sandboxUrl}/custom-page`,
    examples: options.examples,
    keepChannels: options.keepChannels,
    sendConcurrency: options.sendConcurrency,
    retentionDays: options.retentionDays,
    frameAncestors: options.frameAncestors,
    readBody: createBodyReader(),
  };
}
