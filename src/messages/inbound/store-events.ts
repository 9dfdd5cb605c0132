import type { Actor } from '../../audit/audit-log.ts';
import type {
  CallContent,
  ChannelEvent,
  ContactLinkResult,
  InboundContent,
  OptOutContent,
  ReceiptContent,
} from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { normalizeAddress } from '../../core/address.ts';
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
  /** Finds the phone number of a person whom the vendor names by its own id alone. */
  findNumberOfUser(connection: Connection, vendorUserId: string): Promise<string | null>;
  /** Records a STOP or START in the text of a message. */
  recordOptOutWord(connection: Connection, inbound: InboundContent): Promise<unknown>;
  /** Gives the address of a chat to the contact of the link that it has opened. */
  bindContactByLink(connection: Connection, payload: string, address: string): Promise<ContactLinkResult>;
  /** Gives the address of a chat to the contact with a phone number. */
  bindContactByPhone(connection: Connection, phone: string, address: string): Promise<boolean>;
  receiveCall(locationId: string, call: CallContent, body: Buffer): Promise<'stored' | 'repeated'>;
  addRecordings(locationId: string, externalId: string, urls: readonly string[]): Promise<unknown>;
  holdConnection(connection: Connection, reason: { code: string; message: string }): Promise<void>;
  resumeConnection(connection: Connection, actor: Actor): Promise<unknown>;
}

/** Result of storing the events of one webhook. */
export interface StoredEvents {
  /** `repeated` when every event was known before. */
  readonly outcome: 'stored' | 'repeated';
  /** Result of each contact link, in order. */
  readonly links: readonly ContactLinkResult[];
}

/**
 * Stores the events that one webhook or a session has brought. Each is idempotent, so a vendor that repeats them after an error repeats no
 * event. One event that can never be stored does not lose the others.
 *
 * @param body the webhook, of which a single event keeps all bytes
 * @throws AppError of an event that may be stored later, or of the only event
 */
export async function storeEvents(
  deps: StoreEventDeps,
  connection: Connection,
  provider: Provider,
  events: readonly ChannelEvent[],
  body?: Buffer,
): Promise<StoredEvents> {
  const links = new Map<number, ContactLinkResult>();
  const results = await Promise.allSettled(
    events.map((event, index) => {
      const raw = events.length === 1 && body ? body : toRawEvent(event);
      return storeEvent(deps, connection, provider, event, raw, (result) => void links.set(index, result));
    }),
  );
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const isFinal = (error: unknown) => isAppError(error) && error.retry === 'never';
  const failure = failures.find((error) => !isFinal(error)) ?? (failures.length === events.length ? failures[0] : undefined);
  if (failure !== undefined) throw failure;
  for (const err of failures) deps.log.warn({ err, connectionId: connection.id }, 'an event of the vendor was left out');
  const isRepeated = results.every((result) => result.status === 'fulfilled' && result.value === 'repeated');
  return {
    outcome: events.length > 0 && isRepeated ? 'repeated' : 'stored',
    links: events.flatMap((_, index) => links.get(index) ?? []),
  };
}

async function storeEvent(
  deps: StoreEventDeps,
  connection: Connection,
  provider: Provider,
  given: ChannelEvent,
  body: Buffer,
  onLink: (result: ContactLinkResult) => void,
): Promise<'stored' | 'repeated'> {
  const event = await withKnownNumber(deps, connection, given);
  switch (event.kind) {
    case 'receipt':
      await deps.recordReceipt(connection, event.receipt);
      return 'stored';
    case 'inbound': {
      const result = await deps.receiveInbound(connection, provider, event.inbound, body);
      await deps.recordOptOutWord(connection, event.inbound);
      return result;
    }
    case 'contact_link': {
      const result = await deps.bindContactByLink(connection, event.payload, event.inbound.from);
      onLink(result);
      // The message follows the binding: it is posted to the contact that the chat has now.
      return deps.receiveInbound(connection, provider, withLinkResult(event, result), body);
    }
    case 'contact_phone':
      await deps.bindContactByPhone(connection, event.phone, event.inbound.from);
      return deps.receiveInbound(connection, provider, event.inbound, body);
    case 'opt_out':
      await deps.recordOptOut(connection, event.optOut);
      return 'stored';
    case 'call':
      return deps.receiveCall(connection.locationId, event.call, body);
    case 'recordings':
      await deps.addRecordings(connection.locationId, event.externalId, event.urls);
      return 'stored';
    case 'connection': {
      const { status, code = 'vendor_disconnected', message = 'The vendor has stopped serving this account.' } = event;
      if (status === 'up') await deps.resumeConnection(connection, 'patchbay');
      else await deps.holdConnection(connection, { code, message });
      return 'stored';
    }
  }
}

/**
 * Names a person who hides the phone number by the number, where an earlier message has shown both: messages go to the contact's number, so that
 * its last message and its STOP have to be found there.
 */
async function withKnownNumber(
  { findNumberOfUser }: StoreEventDeps,
  connection: Connection,
  event: ChannelEvent,
): Promise<ChannelEvent> {
  const { vendorAddresses, addressType } = connection.capabilities;
  if (!vendorAddresses || addressType !== 'phone') return event;
  const findNumber = async (address: string | null | undefined) =>
    address && normalizeAddress(address).kind === 'other' ? findNumberOfUser(connection, address) : null;
  if (event.kind === 'opt_out') {
    const address = await findNumber(event.optOut.address);
    return address === null ? event : { ...event, optOut: { ...event.optOut, address } };
  }
  if (event.kind !== 'inbound') return event;
  const side = event.inbound.sentExternally ? 'to' : 'from';
  const number = await findNumber(event.inbound[side]);
  return number === null ? event : { ...event, inbound: { ...event.inbound, [side]: number } };
}

/** Says in the conversation why a link has bound no contact. */
function withLinkResult(
  { payload, inbound }: Extract<ChannelEvent, { kind: 'contact_link' }>,
  result: ContactLinkResult,
): InboundContent {
  if (result === 'bound') return inbound;
  const note = {
    confirm_phone: '[The chat belongs to the contact once it shares the contact’s phone number.]',
    refused: '[The link was used before or has expired, so this may be another person.]',
    foreign: `[${payload}]`,
  }[result];
  return { ...inbound, text: [inbound.text, note].filter(Boolean).join(' ') };
}

/** A batch may hold a thousand events: each message keeps its own part. */
function toRawEvent(event: ChannelEvent): Buffer {
  return Buffer.from(JSON.stringify('inbound' in event ? event.inbound : event));
}
