import type { Connection } from '../connections/connection.ts';
import { toObject, toText } from '../core/foreign.ts';
import type { WorkMessage } from '../messages/model/message.ts';
import type { WebhookEvent } from '../outbox/webhook-claims.ts';
import { testWebhookType } from '../outbox/webhook-types.ts';

export interface WebhookPayloadDeps {
  findMessage(id: string): Promise<WorkMessage | null>;
  /** @throws AppError `not_found` */
  getConnection(id: string): Promise<Connection>;
}

/** The body of an outgoing webhook, in the form of Standard Webhooks. */
export interface WebhookPayload {
  readonly type: string;
  /** Time of the event, not of the attempt. */
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Builds what an endpoint gets. It is built for each attempt, so that no copy of a message's content is stored; state and reason are those of
 * the event, whatever has become of the message since.
 */
export async function buildWebhookPayload(deps: WebhookPayloadDeps, event: WebhookEvent): Promise<WebhookPayload> {
  const { type, createdAt, locationId } = event;
  const data = event.messageId ? await describeMessage(deps, event, event.messageId) : await describeOther(deps, event);
  return { type, timestamp: createdAt.toISOString(), data: { locationId, ...data } };
}

async function describeMessage({ findMessage }: WebhookPayloadDeps, event: WebhookEvent, id: string) {
  const message = await findMessage(id);
  const facts = toObject(event.facts);
  const ofEvent = { id, status: toText(facts.state), reason: toReason(facts) };
  // Deleted since, with its location's or its contact's data.
  if (!message) return ofEvent;
  const isInbound = message.direction === 'inbound';
  return {
    ...ofEvent,
    highlevelMessageId: message.highlevelMessageId,
    direction: message.direction,
    channel: message.messageType,
    providerKey: message.providerKey,
    connectionId: message.connectionId,
    contactId: message.contactId,
    conversationId: message.conversationId,
    externalId: message.externalId,
    from: isInbound ? message.from : (message.sender ?? message.from),
    to: message.to,
    createdAt: message.createdAt.toISOString(),
    ...(isInbound ? { subject: message.subject, text: message.text, attachmentCount: message.attachments.length } : {}),
  };
}

async function describeOther({ getConnection }: WebhookPayloadDeps, event: WebhookEvent) {
  const { type, connectionId, address } = event;
  const facts = toObject(event.facts);
  if (type === testWebhookType) return { message: 'This is a test.' };
  if (type.startsWith('opt_out.')) {
    const { source, category, reason } = facts;
    return {
      address,
      source: toText(source) ?? null,
      category: toText(category) ?? null,
      reason: toText(reason) ?? null,
      connectionId,
    };
  }
  if (type.startsWith('channel.')) {
    const connection = connectionId ? await getConnection(connectionId).catch(() => null) : null;
    const providerKey = toText(facts.providerKey) ?? connection?.providerKey ?? null;
    return { connectionId, providerKey, type: connection?.channel.type ?? null, reason: toReason(facts) };
  }
  return { alertId: toText(facts.alertId), kind: toText(facts.alertKind), details: toText(facts.details) };
}

function toReason(facts: Record<string, unknown>): { code: string; message: string } | null {
  const code = toText(facts.reasonCode);
  return code === undefined ? null : { code, message: toText(facts.reason) ?? '' };
}
