import { listConnectedProviders } from '../connections/list-connected-providers.ts';
import { type Clock, sleep } from '../core/clock.ts';
import { createChargedClient } from '../installations/charged-client.ts';
import { findContactByAddress } from '../messages/inbound/contact-addresses.ts';
import { findReply, findSentMessage, listEarlierMessageIds } from '../messages/log/find-sent.ts';
import { listAddressesOfContact } from '../messages/opt-outs/find.ts';
import { listTriggers } from '../outbox/list-triggers.ts';
import { createTimedCache } from '../runtime/timed-cache.ts';
import type { Option } from '../workflows/definitions.ts';
import { findPostedSend } from '../workflows/find-posted-send.ts';
import { fireTriggers } from '../workflows/fire-triggers.ts';
import { handleAction } from '../workflows/handle-action.ts';
import { listFields } from '../workflows/list-fields.ts';
import { checkOptOut, setOptOut } from '../workflows/opt-out-actions.ts';
import { purgeWorkflows } from '../workflows/purge.ts';
import { reserveSend } from '../workflows/reserve-send.ts';
import { resumePauses } from '../workflows/resume-pauses.ts';
import { runSends } from '../workflows/run-sends.ts';
import { handleSubscription } from '../workflows/subscribe.ts';
import { buildTriggerPayload } from '../workflows/trigger-payload.ts';
import { bindAll } from './bind.ts';
import type { Connections } from './connections.ts';
import type { HighLevelCapability } from './highlevel.ts';
import type { Installations } from './installations.ts';
import type { Messaging } from './messaging.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** Workflow actions and triggers. */
export type Workflows = ReturnType<typeof composeWorkflows>;

/** Time for which a form shows what a vendor has said. */
const vendorListTtlMs = 60_000;
/** The response of a form takes less than a second, whatever its vendor does. */
const vendorListTimeoutMs = 600;

/** Composes what HighLevel's workflows call, and what starts them. */
export function composeWorkflows(
  runtime: Runtime,
  options: Pick<CapabilityOptions, 'apiUrl' | 'providers' | 'workflowResumePath'>,
  others: HighLevelCapability & { connections: Connections; installations: Installations; messaging: Messaging },
) {
  const { connections, installations, messaging } = others;
  const { apiUrl, providers, workflowResumePath } = options;
  const { db, clock, metrics } = runtime;
  const ingredients = {
    ...runtime,
    ...{ apiUrl, providers, workflowResumePath },
    highLevel: createChargedClient({ ...runtime, highLevel: others.highLevel }, 0),
    requireValidToken: (locationId: string) => installations.tokens.requireValidToken(locationId),
    loadInstallation: installations.loadInstallation,
    findMessage: messaging.findMessage,
    ...{ readAddress: messaging.readAddress, findOptOut: messaging.findOptOut },
    ...{ addOptOut: messaging.addOptOut, liftOptOut: messaging.liftOptOut },
    getConnection: connections.getConnection,
    listConnections: connections.listConnections,
    findChannelType: connections.findChannelType,
    listSenders: connections.listSenders,
    listTemplates: connections.listTemplates,
    cacheVendorList: createTimedCache<readonly Option[]>(clock, vendorListTtlMs),
    within: <Value>(value: Promise<Value>, fallback: Value) => within(clock, value, fallback),
    ...bindAll(db.client, { listConnectedProviders }),
    ...bindAll(db, { findContactByAddress, findSentMessage, findReply, listEarlierMessageIds, listAddressesOfContact }),
    recordTrigger: (kind: string, outcome: string) => metrics.triggerEvents.inc({ kind, outcome }),
  };
  const parts = bindAll(ingredients, { buildTriggerPayload, findPostedSend, reserveSend, checkOptOut, setOptOut });
  return {
    ...bindAll(db, { listTriggers }),
    ...bindAll(
      { ...ingredients, ...parts },
      { handleAction, listFields, handleSubscription, runSends, resumePauses, fireTriggers, purgeWorkflows },
    ),
  };
}

function within<Value>(clock: Clock, value: Promise<Value>, fallback: Value): Promise<Value> {
  return Promise.race([value, sleep(clock, vendorListTimeoutMs).then(() => fallback)]);
}
