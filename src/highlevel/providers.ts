/**
 * Kind of a conversation provider, as set up in HighLevel; it decides what can be sent and how inbound messages are posted (platform.md
 * 3.1).
 */
export type ProviderKind = 'sms' | 'sms-extra' | 'email' | 'email-extra' | 'call';

/** One of our conversation providers in HighLevel; its Delivery URL is `/webhooks/providers/<key>`. */
export interface Provider {
  readonly key: string;
  readonly id: string;
  readonly kind: ProviderKind;
}
