/** How a conversation provider was set up in HighLevel; it decides what can be sent and how inbound is posted (platform.md 3.1). */
export type ProviderKind = 'sms' | 'sms-extra' | 'email' | 'email-extra' | 'call';

/** One of our conversation providers in HighLevel; its Delivery URL is `/webhooks/providers/<key>`. */
export interface Provider {
  readonly key: string;
  readonly id: string;
  readonly kind: ProviderKind;
}
