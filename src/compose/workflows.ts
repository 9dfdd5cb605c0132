import { createChargedClient } from '../installations/charged-client.ts';
import { findContactByAddress } from '../messages/inbound/contact-addresses.ts';
import { fireTriggers } from '../workflows/fire-triggers.ts';
import { purgeWorkflows } from '../workflows/purge.ts';
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

/** Composes what HighLevel's workflows call, and what starts them. */
export function composeWorkflows(
  runtime: Runtime,
  { apiUrl }: Pick<CapabilityOptions, 'apiUrl'>,
  others: HighLevelCapability & { connections: Connections; installations: Installations; messaging: Messaging },
) {
  const { connections, installations, messaging } = others;
  const { metrics } = runtime;
  const highLevel = createChargedClient({ ...runtime, highLevel: others.highLevel }, 0);
  const requireValidToken = (locationId: string) => installations.tokens.requireValidToken(locationId);
  const payloads = bindAll(
    {
      findMessage: messaging.findMessage,
      getConnection: connections.getConnection,
      ...bindAll(runtime.db, { findContactByAddress }),
    },
    { buildTriggerPayload },
  );
  return {
    ...bindAll({ ...runtime, apiUrl }, { handleSubscription, purgeWorkflows }),
    ...bindAll(
      {
        ...runtime,
        ...payloads,
        highLevel,
        requireValidToken,
        recordTrigger: (kind: string, outcome: string) => metrics.triggerEvents.inc({ kind, outcome }),
      },
      { fireTriggers },
    ),
  };
}
