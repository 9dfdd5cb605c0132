import type { Capabilities, OptOutCategory, OutboundMessage, SettledRecipient } from '../../channels/channel.ts';
import { parseDeliverySettings } from '../../channels/delivery-settings.ts';
import type { Connection } from '../../connections/connection.ts';
import type { ConfiguredSender } from '../../connections/sender-settings.ts';
import { normalizeAddress } from '../../core/address.ts';
import { isAppError } from '../../core/errors.ts';
import type { Provider } from '../../highlevel/providers.ts';
import type { WorkMessage } from '../model/message.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { getReason, type Reason, type ReasonCode } from '../model/reasons.ts';
import type { Placement } from '../routing/place-message.ts';
import type { EmailThread } from './find-email-thread.ts';
import type { LookUpContact, SearchContact } from './look-up-contact.ts';
import type { VendorAddress } from './vendor-addresses.ts';

export interface RouteDeps {
  providers: readonly Provider[];
  /**
   * Chooses the connection of a message.
   *
   * @throws AppError `request_invalid` when this process does not have the connection's channel; others when HighLevel is needed and can't be reached
   */
  chooseConnection(message: WorkMessage, groupKey: string): Promise<Placement | null>;
  lookUpContact: LookUpContact;
  searchContact: SearchContact;
  readAddress: ReadAddress;
  findOptOut(locationId: string, address: string): Promise<OptOutCategory | null>;
  /** Finds a contact as the vendor knows it, by its address. */
  findVendorAddress(connectionId: string, address: string): Promise<VendorAddress | null>;
  /** Finds the address by which a connection knows a contact that has none in HighLevel. */
  findAddressOfContact(connectionId: string, contact: { locationId: string; contactId: string }): Promise<string | null>;
  /** Finds the contact of an address that was stored before. */
  findContactByAddress(ref: { locationId: string; connectionId: string | null }, address: string): Promise<string | null>;
  /** Finds the address at which a contact starts a chat with a connection. */
  findContactLink(connection: Connection, contactId: string): Promise<string | null>;
  listAcceptedParts(message: Pick<WorkMessage, 'id' | 'resentAt'>): Promise<string[]>;
  findEmailThread(message: WorkMessage, connectionId: string, to: string): Promise<EmailThread>;
  listSettledRecipients(message: Pick<WorkMessage, 'id' | 'to' | 'idempotencyResetAt'>): Promise<SettledRecipient[]>;
}

/** The connection that carries a message, the group in which the message waits for it, or the reason for which the message fails. */
export type Route =
  | { connection: Connection; sender: ConfiguredSender | null; outbound: OutboundMessage }
  | Exclude<Placement, { connection: Connection }>;

/**
 * Finds the connection of a message and builds what channels accept.
 *
 * @param groupKey the group in which its job runs
 * @throws AppError when HighLevel is needed and can't be reached now
 */
export async function resolveRoute(deps: RouteDeps, message: WorkMessage, groupKey: string): Promise<Route> {
  const rejected = (code: ReasonCode) => ({ rejected: getReason(code) });
  const { locationId, providerKey } = message;

  const provider = deps.providers.find(({ key }) => key === providerKey);
  if (!provider) return rejected('provider_removed');
  const chosen = await chooseUsableConnection(deps, message, groupKey);
  if (chosen === 'unavailable') return rejected('channel_unavailable');
  if (!chosen) return rejected('no_channel');
  if (!('connection' in chosen)) return chosen;

  const { connection, sender } = chosen;
  const { capabilities } = connection;
  const problem = findContentProblem(message, capabilities);
  if (problem) return rejected(problem);
  const address = await findRecipient(deps, message, connection);
  if ('rejected' in address) return address;
  const optOut = await deps.findOptOut(locationId, address.to);
  if (optOut === 'all') return rejected('opted_out');
  const { replyToExternalId } = message;
  const thread =
    message.messageType === 'email'
      ? await deps.findEmailThread(message, connection.id, address.to)
      : { replyToExternalId, earlierExternalId: null };
  const known = capabilities.vendorAddresses ? await deps.findVendorAddress(connection.id, address.to) : null;

  return {
    connection,
    sender,
    outbound: {
      id: message.id,
      idempotencyKey: message.idempotencyResetAt ? `${message.id}-${message.idempotencyResetAt.getTime()}` : message.id,
      locationId,
      contactId: message.contactId,
      conversationId: message.conversationId,
      messageType: message.messageType,
      to: address.to,
      vendorAddress: known?.vendorAddress ?? null,
      from: message.sender ?? message.from ?? parseDeliverySettings(connection.config).sender ?? null,
      text: message.text,
      html: message.html,
      subject: message.subject,
      attachments: message.attachments,
      replyToExternalId: thread.replyToExternalId,
      ...(thread.earlierExternalId === null ? {} : { earlierExternalId: thread.earlierExternalId }),
      lastInboundAt: known?.lastInboundAt ?? null,
      isOptedOutOfMarketing: optOut === 'marketing',
      // Only a send that broke off, or a receipt, leaves an id with a message that is still to be sent.
      acceptedParts: message.externalId === null ? [] : await deps.listAcceptedParts(message),
      settledRecipients: message.messageType === 'email' ? await deps.listSettledRecipients(message) : [],
    },
  };
}

/** Finds the reason for which the channel can't send what the message contains. */
function findContentProblem(
  { reasonCode, text, html, attachments, messageType }: WorkMessage,
  capabilities: Capabilities,
): ReasonCode | null {
  if (reasonCode === 'attachments_unreadable' || reasonCode === 'content_unreadable') return reasonCode;
  if (!text && !html && attachments.length === 0) return 'empty_message';
  if (messageType === 'email' && !capabilities.messageTypes.includes('email')) return 'email_unsupported';
  if (attachments.length > 0 && capabilities.attachments === 'none') return 'attachments_unsupported';
  return null;
}

/** Chooses a connection; `unavailable` if this process does not have its channel, such as the sandbox's. */
async function chooseUsableConnection(
  deps: RouteDeps,
  message: WorkMessage,
  groupKey: string,
): Promise<Placement | 'unavailable' | null> {
  try {
    return await deps.chooseConnection(message, groupKey);
  } catch (error) {
    if (isAppError(error, 'request_invalid')) return 'unavailable';
    throw error;
  }
}

/** Finds the address that a message goes to. */
function findRecipient(
  deps: RouteDeps,
  message: WorkMessage,
  connection: Connection,
): Promise<{ to: string } | { rejected: Reason }> | { to: string } {
  if (connection.capabilities.addressType === 'vendor_id') return resolveChat(deps, message, connection);
  return message.to ? { to: message.to } : resolveAddress(deps, message, connection);
}

/**
 * Finds the chat of a contact: a phone number does not reach it. An address of the vendor's own, which a person may enter for a test, is one
 * already.
 */
async function resolveChat(
  deps: RouteDeps,
  { locationId, contactId: namedId, to }: WorkMessage,
  connection: Connection,
): Promise<{ to: string } | { rejected: Reason }> {
  if (to && normalizeAddress(to).kind === 'other') return { to };
  const contactId = namedId ?? (to && (await findContactId(deps, connection, to)));
  const known = contactId ? await deps.findAddressOfContact(connection.id, { locationId, contactId }) : null;
  if (known) return { to: known };
  const { code, message } = getReason('no_chat');
  const link = contactId ? await deps.findContactLink(connection, contactId) : null;
  return { rejected: { code, message: [message, link].filter(Boolean).join(' ') } };
}

/**
 * Finds the contact of a phone number or an email address. A contact that was bound to its chat by a link has no stored number, so that
 * HighLevel is asked. @returns null when there is none, or when HighLevel refuses the search
 */
async function findContactId(deps: RouteDeps, { id, locationId }: Connection, to: string): Promise<string | null> {
  const stored = await deps.findContactByAddress({ locationId, connectionId: id }, to);
  if (stored !== null) return stored;
  try {
    return await deps.searchContact(locationId, normalizeAddress(to).kind === 'email' ? { email: to } : { phone: to });
  } catch (error) {
    if (isAppError(error, 'highlevel_refused')) return null;
    throw error;
  }
}

/** Reads the recipient from HighLevel, which sometimes omits the phone number in its webhook (platform.md 3.2). */
async function resolveAddress(
  deps: RouteDeps,
  message: WorkMessage,
  connection: Connection,
): Promise<{ to: string } | { rejected: Reason }> {
  const { locationId, contactId, messageType } = message;
  if (!contactId) return { rejected: getReason('no_address') };
  try {
    const contact = await deps.lookUpContact(locationId, contactId);
    if (!contact) return { rejected: getReason('contact_deleted') };
    const to = messageType === 'email' ? contact.email : contact.phone;
    if (to) return { to: (await deps.readAddress(locationId, to)).address };
    // People whom the vendor names by ids of its own have neither in HighLevel.
    const known = connection.capabilities.vendorAddresses
      ? await deps.findAddressOfContact(connection.id, { locationId, contactId })
      : null;
    if (known) return { to: known };
    if (!contact.phone && !contact.email) return { rejected: getReason('no_address') };
    return { rejected: getReason(messageType === 'email' ? 'no_email' : 'no_phone') };
  } catch (error) {
    if (!isAppError(error, 'highlevel_refused')) throw error;
    const { code, message: text } = getReason('address_refused');
    return { rejected: { code, message: [text, ...error.details].join(' ') } };
  }
}
