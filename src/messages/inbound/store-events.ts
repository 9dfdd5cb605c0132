import type { Actor } from '../../audit/audit-log.ts';
import type { ChannelEvent, InboundContent, OptOutContent, ReceiptContent } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { isAppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { Log } from '../../runtime/log.ts';

export interface StoreEventDeps {
  log: Log;
  receiveInbound(
    connection: Connection,
    provider: Provider,
    inbound: InboundContent,
    body: Buffer,
  ): Promise<'stored' | 'repeated'>;
  recordReceipt(connection: Connection, receipt: ReceiptContent): Promise<unknown>;
  recordOptOut(connection: Connection, optOut: OptOutContent): Promise<unknown>;
  /** Records a STOP or START in the text of a message. */
  recordOptOutWord(connection: Connection, inbound: InboundContent): Promise<unknown>;
  holdConnection(connection: Connection, reason: { code: string; message: string }): Promise<void>;
  resumeConnection(connection: Connection, actor: Actor): Promise<unknown>;
}

/**
 * Stores the events that one webhook or a session has brought. Each is idempotent, so a vendor that repeats them after an error repeats no
 * event. One event that can never be stored does not lose the others.
 *
 * @param body the webhook, of which a single event keeps all bytes
 * @returns `repeated` when every event was known before
 * @throws AppError of an event that may be stored later, or of the only event
 */
export async function storeEvents(
  deps: StoreEventDeps,
  connection: Connection,
  provider: Provider,
  events: readonly ChannelEvent[],
  body?: Buffer,
): Promise<'stored' | 'repeated'> {
  const results = await Promise.allSettled(
    events.map((event) =>
      storeEvent(deps, connection, provider, event, events.length === 1 && body ? body : toRawEvent(event)),
    ),
  );
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const isFinal = (error: unknown) => isAppError(error) && error.retry === 'never';
  const failure = failures.find((error) => !isFinal(error)) ?? (failures.length === events.length ? failures[0] : undefined);
  if (failure !== undefined) throw failure;
  for (const err of failures) deps.log.warn({ err, connectionId: connection.id }, 'an event of the vendor was left out');
  const isRepeated = results.every((result) => result.status === 'fulfilled' && result.value === 'repeated');
  return events.length > 0 && isRepeated ? 'repeated' : 'stored';
}

async function storeEvent(
  deps: StoreEventDeps,
  connection: Connection,
  provider: Provider,
  event: ChannelEvent,
  body: Buffer,
): Promise<'stored' | 'repeated'> {
  switch (event.kind) {
    case 'receipt':
      await deps.recordReceipt(connection, event.receipt);
      return 'stored';
    case 'inbound': {
      const result = await deps.receiveInbound(connection, provider, event.inbound, body);
      await deps.recordOptOutWord(connection, event.inbound);
      return result;
    }
    case 'opt_out':
      await deps.recordOptOut(connection, event.optOut);
      return 'stored';
    case 'connection': {
      const { status, code = 'vendor_disconnected', message = 'The vendor has stopped serving this account.' } = event;
      if (status === 'up') await deps.resumeConnection(connection, 'patchbay');
      else await deps.holdConnection(connection, { code, message });
      return 'stored';
    }
  }
}

/** A batch may hold a thousand events: each message keeps its own part. */
function toRawEvent(event: ChannelEvent): Buffer {
  return Buffer.from(JSON.stringify(event.kind === 'inbound' ? event.inbound : event));
}
