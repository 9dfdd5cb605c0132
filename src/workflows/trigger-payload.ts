import { parseDeliverySettings } from '../channels/delivery-settings.ts';
import type { Connection } from '../connections/connection.ts';
import { toObject, toText } from '../core/foreign.ts';
import { toCarrierCode, toReasonClass } from '../messages/model/carrier-codes.ts';
import type { WorkMessage } from '../messages/model/message.ts';
import type { ClaimedEvent } from '../outbox/claims.ts';

export interface PayloadDeps {
  findMessage(id: string): Promise<WorkMessage | null>;
  /** @throws AppError `not_found` */
  getConnection(id: string): Promise<Connection>;
  findContactByAddress(ref: { locationId: string; connectionId: string | null }, address: string): Promise<string | null>;
}

/** What a workflow is started with, and what its filters are compared with. */
export type TriggerPayload = Readonly<Record<string, string | undefined>>;

/** Builds what a workflow is started with. */
export async function buildTriggerPayload(deps: PayloadDeps, event: ClaimedEvent): Promise<TriggerPayload> {
  const { id, kind, locationId, createdAt } = event;
  const message = event.messageId === null ? null : await deps.findMessage(event.messageId);
  const connectionId = message?.connectionId ?? event.connectionId;
  const connection = connectionId ? await deps.getConnection(connectionId).catch(() => null) : null;
  const facts = toObject(event.facts);
  const contactId =
    message?.contactId ?? (event.address ? await deps.findContactByAddress({ locationId, connectionId }, event.address) : null);
  const isInbound = message?.direction === 'inbound';
  const configured = connection ? parseDeliverySettings(connection.config).sender : undefined;
  return {
    event: kind,
    eventId: id,
    occurredAt: createdAt.toISOString(),
    contactId: contactId ?? undefined,
    provider: message?.providerKey ?? toText(facts.providerKey) ?? connection?.providerKey,
    channel: connection?.channel.type,
    sender: (isInbound ? message.to : (message?.sender ?? message?.from)) ?? configured,
    messageId: message?.highlevelMessageId ?? undefined,
    conversationId: message?.conversationId ?? undefined,
    address: (isInbound ? message.from : message?.to) ?? event.address ?? undefined,
    text: isInbound ? (message.text ?? message.subject ?? undefined) : undefined,
    source: toText(facts.source),
    ...describeReason(message, connection?.channel.type ?? null, toText(facts.reasonCode)),
    reason: toText(facts.reason),
  };
}

function describeReason(
  message: WorkMessage | null,
  channelType: string | null,
  code: string | undefined,
): { reasonCode?: string; reasonClass?: string } {
  if (code === undefined) return {};
  const isText = message?.messageType === 'sms';
  return {
    reasonCode: isText ? toCarrierCode(channelType, code) : code,
    ...(message ? { reasonClass: toReasonClass(channelType, code) } : {}),
  };
}
