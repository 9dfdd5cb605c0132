import type { ChannelEvent } from '../../channels/channel.ts';
import type { Connections } from '../../compose/connections.ts';
import type { Messaging } from '../../compose/messaging.ts';
import type { Connection } from '../../connections/connection.ts';
import { isAppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { Log } from '../../runtime/log.ts';

export interface StoreEventDeps {
  log: Log;
  connections: Pick<Connections, 'holdConnection' | 'resumeConnection'>;
  messaging: Pick<Messaging, 'receiveInbound' | 'recordReceipt' | 'recordOptOut' | 'recordOptOutWord'>;
}

/**
 * Stores the events of one webhook. Each is idempotent, so a vendor that repeats the webhook after an error repeats no event. One event that
 * can never be stored does not lose the others.
 *
 * @returns `repeated` when every event was known before
 * @throws AppError of an event that may be stored later, or of the only event
 */
export async function storeEvents(
  deps: StoreEventDeps,
  connection: Connection,
  provider: Provider,
  events: readonly ChannelEvent[],
  body: Buffer,
): Promise<'stored' | 'repeated'> {
  const results = await Promise.allSettled(
    events.map((event) => storeEvent(deps, connection, provider, event, events.length === 1 ? body : toRawEvent(event))),
  );
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const isFinal = (error: unknown) => isAppError(error) && error.retry === 'never';
  const failure = failures.find((error) => !isFinal(error)) ?? (failures.length === events.length ? failures[0] : undefined);
  if (failure !== undefined) throw failure;
  for (const err of failures) deps.log.warn({ err, connectionId: connection.id }, 'an event of a webhook was left out');
  const isRepeated = results.every((result) => result.status === 'fulfilled' && result.value === 'repeated');
  return events.length > 0 && isRepeated ? 'repeated' : 'stored';
}

async function storeEvent(
  { connections, messaging }: StoreEventDeps,
  connection: Connection,
  provider: Provider,
  event: ChannelEvent,
  body: Buffer,
): Promise<'stored' | 'repeated'> {
  switch (event.kind) {
    case 'receipt':
      await messaging.recordReceipt(connection, event.receipt);
      return 'stored';
    case 'inbound': {
      const result = await messaging.receiveInbound(connection, provider, event.inbound, body);
      await messaging.recordOptOutWord(connection, event.inbound);
      return result;
    }
    case 'opt_out':
      await messaging.recordOptOut(connection, event.optOut);
      return 'stored';
    case 'connection': {
      const { status, code = 'vendor_disconnected', message = 'The vendor has stopped serving this account.' } = event;
      if (status === 'up') await connections.resumeConnection(connection, 'patchbay');
      else await connections.holdConnection(connection, { code, message });
      return 'stored';
    }
  }
}

/** A batch may hold a thousand events: each message keeps its own part. */
function toRawEvent(event: ChannelEvent): Buffer {
  return Buffer.from(JSON.stringify(event.kind === 'inbound' ? event.inbound : event));
}
