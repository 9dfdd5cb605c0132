import type { OutboundMessage } from '../../channels/channel.ts';
import { parseDeliverySettings } from '../../channels/delivery-settings.ts';
import { type Connection, type ConnectionDeps, type ConnectionLoader, decryptConnection } from '../../connections/connect.ts';
import { dateNow } from '../../core/clock.ts';
import { AppError, isAppError } from '../../core/errors.ts';
import { type HighLevel, toLocationOwner } from '../../highlevel/client.ts';
import { findContactAddress } from '../../highlevel/contacts.ts';
import { toContactLookupKey, toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { contactLookupRateLimit, highLevelRateLimit } from '../../highlevel/rate-limit.ts';
import { consume, isPaused, tryAcquire } from '../../queue/rate-limits.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { getReason, type ReasonCode } from '../model/reasons.ts';
import type { WorkMessage } from '../settlement/update-messages.ts';
import type { Reason } from './next-step.ts';

export interface RouteDeps extends ConnectionDeps {
  providers: readonly Provider[];
  highLevel: HighLevel;
  connectionOf: ConnectionLoader;
  readAddress: ReadAddress;
}

/** Which way a message goes, or why it can't go at all. */
export type Route = { connection: Connection; outbound: OutboundMessage } | { rejected: Reason };

/** Finds the connection that carries a message and makes it into what channels take. @throws AppError when HighLevel must be asked and can't be */
export async function resolveRoute(deps: RouteDeps, message: WorkMessage): Promise<Route> {
  const rejected = (code: ReasonCode) => ({ rejected: getReason(code) });
  const { locationId, providerKey } = message;

  const provider = deps.providers.find(({ key }) => key === providerKey);
  if (!provider) return rejected('provider_removed');
  const connection = await findUsableConnection(deps, { locationId, providerKey });
  if (connection === 'unavailable') return rejected('channel_unavailable');
  if (!connection) return rejected('no_channel');

  const { capabilities: can } = connection.channel;
  if (message.reasonCode === 'attachments_unreadable' || message.reasonCode === 'content_unreadable') {
    return rejected(message.reasonCode);
  }
  if (!message.text && !message.html && message.attachments.length === 0) return rejected('empty_message');
  if (message.messageType === 'email' && !can.email) return rejected('email_unsupported');
  if (message.attachments.length > 0 && !can.attachments) return rejected('attachments_unsupported');
  const address = message.to ? { to: message.to } : await resolveAddress(deps, message);
  if ('rejected' in address) return address;

  return {
    connection,
    outbound: {
      id: message.id,
      idempotencyKey: message.idempotencyResetAt ? `${message.id}-${message.idempotencyResetAt.getTime()}` : message.id,
      locationId,
      contactId: message.contactId,
      conversationId: message.conversationId,
      messageType: message.messageType,
      to: address.to,
      from: message.from ?? parseDeliverySettings(connection.config).sender ?? null,
      text: message.text,
      html: message.html,
      subject: message.subject,
      attachments: message.attachments,
      replyToExternalId: message.replyToExternalId,
    },
  };
}

/** A connection of a channel that this process does not have, such as the sandbox's, is there but can't be used. */
async function findUsableConnection(deps: RouteDeps, connectionRef: { locationId: string; providerKey: string }) {
  try {
    const row = await deps.connectionOf(connectionRef);
    return row && decryptConnection(deps, row);
  } catch (error) {
    if (isAppError(error, 'request_invalid')) return 'unavailable';
    throw error;
  }
}

/** HighLevel sometimes leaves the phone number out of its webhook (platform.md 3.2). */
async function resolveAddress(deps: RouteDeps, message: WorkMessage): Promise<{ to: string } | { rejected: Reason }> {
  if (!message.contactId) return { rejected: getReason('no_address') };
  const { locationId, contactId, messageType } = message;
  const limitKey = toHighLevelGroupKey(toLocationOwner(locationId));
  if (
    (await isPaused(deps.db, limitKey, dateNow(deps.clock))) ||
    !(await tryAcquire(deps, toContactLookupKey(locationId), contactLookupRateLimit))
  ) {
    throw new AppError('highlevel_limit', 'Waiting to ask the CRM for the contact’s address.');
  }
  await consume(deps, limitKey, highLevelRateLimit, 1);
  try {
    const contact = await findContactAddress(deps.highLevel, locationId, contactId);
    if (!contact) return { rejected: getReason('contact_deleted') };
    const to = messageType === 'email' ? contact.email : contact.phone;
    if (to) return { to: (await deps.readAddress(locationId, to)).address };
    if (!contact.phone && !contact.email) return { rejected: getReason('no_address') };
    return { rejected: getReason(messageType === 'email' ? 'no_email' : 'no_phone') };
  } catch (error) {
    if (!isAppError(error, 'highlevel_refused')) throw error;
    const { code, message: text } = getReason('address_refused');
    return { rejected: { code, message: [text, ...error.details].join(' ') } };
  }
}
