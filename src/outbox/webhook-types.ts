import type { TriggerKind } from './trigger-kinds.ts';

/** Events that endpoints of agencies choose from. Receivers compare these names, so they never change. */
export const webhookTypes = [
  'message.accepted',
  'message.delivered',
  'message.read',
  'message.failed',
  'message.received',
  'opt_out.created',
  'opt_out.removed',
  'channel.held',
  'channel.resumed',
  'alert.triggered',
  'alert.resolved',
] as const;

export type WebhookType = (typeof webhookTypes)[number];

/** Type of the event that a person sends to try an endpoint. */
export const testWebhookType = 'webhook.test';

/** Kinds of events that are not about a message, with the type that endpoints get. Those of triggers start workflows too. */
export const outboxKinds = {
  opted_out: 'opt_out.created',
  opted_in: 'opt_out.removed',
  channel_held: 'channel.held',
  channel_resumed: 'channel.resumed',
  alert_triggered: 'alert.triggered',
  alert_resolved: 'alert.resolved',
} as const satisfies Partial<Record<TriggerKind, WebhookType>> & Record<string, WebhookType>;

export type OutboxKind = keyof typeof outboxKinds;
