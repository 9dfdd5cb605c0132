import type { ChannelEvent } from '../channels/channel.ts';
import type { Connection } from '../connections/connection.ts';
import { runSession } from '../connections/run-session.ts';
import { storeSessionState } from '../connections/session-lease.ts';
import { createSessionOwner, type SessionOwner } from '../connections/session-owner.ts';
import { isAppError } from '../core/errors.ts';
import { storeEvents } from '../messages/inbound/store-events.ts';
import type { Queue } from '../queue/queue.ts';
import type { Connections } from './connections.ts';
import type { Messaging } from './messaging.ts';
import type { CapabilityOptions } from './options.ts';
import type { Runtime } from './runtime.ts';

/** The sessions with vendors that this process owns. */
export type ChannelSessions = SessionOwner;

/** Composes the owner of sessions. */
export function composeChannelSessions(
  runtime: Pick<Runtime, 'db' | 'box' | 'clock' | 'log' | 'jitter'>,
  { providers }: Pick<CapabilityOptions, 'providers'>,
  others: { queue: Pick<Queue, 'getWorkerId'>; connections: Connections; messaging: Messaging },
): ChannelSessions {
  const { queue, connections, messaging } = others;
  const { log } = runtime;
  const storing = { log, ...connections, ...messaging };

  async function storeSessionEvents(connection: Connection, events: readonly ChannelEvent[]): Promise<void> {
    const provider = providers.find(({ key }) => key === connection.providerKey);
    if (!provider) throw new Error('The app no longer has the provider of this connection.');
    try {
      await storeEvents(storing, connection, provider, events);
    } catch (err) {
      // No repeat helps, and the vendor would repeat it before all later events.
      if (!isAppError(err) || err.retry !== 'never') throw err;
      log.warn({ err, connectionId: connection.id }, 'an event of the vendor was left out');
    }
  }

  return createSessionOwner({
    ...runtime,
    channels: connections.channels,
    providerKeys: new Set(providers.map(({ key }) => key)),
    getWorkerId: queue.getWorkerId,
    runSession: (row, { workerId, isLeaseValid }) =>
      runSession(
        {
          ...runtime,
          ...connections,
          isLeaseValid,
          storeEvents: storeSessionEvents,
          storeState: (id, state) => storeSessionState(runtime, { id, workerId }, state),
        },
        row.id,
      ),
  });
}
