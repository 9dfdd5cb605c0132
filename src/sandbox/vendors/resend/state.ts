import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated Resend: one account. Plain data that survives a restart. */
export interface ResendState {
  account: { apiKey: string; sendingKey: string };
  domains: { name: string; status: string; receiving: 'enabled' | 'disabled' }[];
  webhooks: SimWebhook[];
  emails: SimEmail[];
  received: SimReceived[];
  suppressed: string[];
  /** Results of the last day, by the idempotency key. */
  keys: Record<string, { body: string; id: string; at: number }>;
}

export interface SimWebhook {
  id: string;
  endpoint: string;
  events: string[];
  status: 'enabled' | 'disabled';
  secret: string;
}

/** An email that was sent. */
export interface SimEmail {
  id: string;
  messageId: string;
  from: string;
  to: string[];
  replyTo: string[];
  subject: string;
  text: string | null;
  html: string | null;
  headers: Record<string, string>;
  tags: { name: string; value: string }[];
  files: { name: string; contentType: string; bytes: number }[];
  lastEvent: string;
  at: number;
}

/** An email that was received, with its files in base64. */
export interface SimReceived {
  id: string;
  messageId: string;
  from: string;
  to: string[];
  subject: string;
  text: string | null;
  html: string | null;
  headers: Record<string, string>;
  files: { id: string; name: string; contentType: string; data: string }[];
  at: number;
}

/** Generates ids in the form of Resend. */
export function createId(random: RandomSource): string {
  const hex = random(16).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Creates the demo account: a verified domain, one that is pending, and a webhook without a program of its own. */
export function createDemoState(random: RandomSource): ResendState {
  return {
    account: { apiKey: `re_${random(16).toString('hex')}`, sendingKey: `re_${random(16).toString('hex')}` },
    domains: [
      { name: 'harbour.example', status: 'verified', receiving: 'enabled' },
      { name: 'new.harbour.example', status: 'pending', receiving: 'disabled' },
    ],
    webhooks: [createWebhook(random, 'https://patchbay.example/')],
    ...{ emails: [], received: [], suppressed: [], keys: {} },
  };
}

/** Creates a webhook, as a person adds it in the dashboard. */
export function createWebhook(random: RandomSource, endpoint: string): SimWebhook {
  const secret = `whsec_${random(24).toString('base64')}`;
  return { id: createId(random), endpoint, events: ['email.sent'], status: 'enabled', secret };
}
