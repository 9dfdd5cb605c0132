import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated Mailgun: one account. Plain data that survives a restart. */
export interface MailgunState {
  account: { apiKey: string; signingKey: string };
  /** Keys that may only send, for one domain each. */
  sendingKeys: { key: string; domain: string }[];
  domains: SimDomain[];
  routes: SimRoute[];
  messages: SimMail[];
  events: SimEvent[];
  suppressions: { list: SuppressionList; address: string }[];
  /** Files of stored emails, in base64. */
  files: { id: string; name: string; contentType: string; data: string }[];
}

export type SuppressionList = 'bounce' | 'unsubscribe' | 'complaint';

export interface SimDomain {
  name: string;
  state: 'active' | 'unverified' | 'disabled';
  type: 'custom' | 'sandbox';
  canReceive: boolean;
  /** Addresses for each kind of event, up to three. */
  webhooks: Record<string, string[]>;
}

export interface SimRoute {
  id: string;
  priority: number;
  description: string;
  expression: string;
  actions: string[];
}

/** An email that was sent. */
export interface SimMail {
  /** Message-ID without angle brackets. */
  id: string;
  domain: string;
  from: string;
  to: string[];
  subject: string;
  text: string;
  html: string | null;
  headers: Record<string, string>;
  files: { name: string; contentType: string; bytes: number }[];
  at: number;
}

/** An event, as the list of events and webhooks show it. */
export interface SimEvent {
  id: string;
  event: string;
  timestamp: number;
  domain: string;
  messageId: string;
  fields: Record<string, unknown>;
}

/** Creates the demo account: a verified domain and one that is not. */
export function createDemoState(random: RandomSource): MailgunState {
  const createDomain = (name: string, state: SimDomain['state']): SimDomain => ({
    ...{ name, state, type: 'custom', canReceive: state === 'active', webhooks: {} },
  });
  return {
    account: { apiKey: `${random(16).toString('hex')}-0a1b2c3d-4e5f6a7b`, signingKey: random(16).toString('hex') },
    sendingKeys: [{ key: `${random(16).toString('hex')}-1a2b3c4d-5e6f7a8b`, domain: 'mg.harbour.example' }],
    domains: [createDomain('mg.harbour.example', 'active'), createDomain('new.harbour.example', 'unverified')],
    ...{ routes: [], messages: [], events: [], suppressions: [], files: [] },
  };
}
