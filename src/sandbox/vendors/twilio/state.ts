import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated Twilio: one account. Plain data that survives a restart. */
export interface TwilioState {
  account: {
    sid: string;
    authToken: string;
    friendlyName: string;
    status: 'active' | 'suspended' | 'closed';
    type: 'Full' | 'Trial';
  };
  /** Standard API keys: they may not read the account. */
  apiKeys: { sid: string; secret: string }[];
  numbers: SimNumber[];
  services: SimService[];
  /** WhatsApp senders, with `whatsapp:` before their numbers. */
  channelSenders: { address: string; status: string; webhookUrl: string }[];
  messages: SimMessage[];
  media: SimMedia[];
  optOuts: { sender: string; contact: string }[];
  /** Numbers to which a trial account may send. */
  verifiedNumbers: string[];
}

export interface SimNumber {
  sid: string;
  phoneNumber: string;
  friendlyName: string;
  hasSms: boolean;
  smsUrl: string;
  smsMethod: string;
  smsApplicationSid: string;
}

export interface SimService {
  sid: string;
  friendlyName: string;
  inboundRequestUrl: string;
  inboundMethod: string;
  useInboundWebhookOnNumber: boolean;
  /** Twilio names the kind of an opt-out in its webhooks only with its Advanced Opt-Out. */
  hasAdvancedOptOut: boolean;
  /** Addresses of its senders. */
  pool: string[];
}

export interface SimMessage {
  sid: string;
  from: string | null;
  to: string;
  body: string;
  mediaUrls: string[];
  direction: 'outbound-api' | 'inbound';
  status: string;
  errorCode: number | null;
  messagingServiceSid: string | null;
  statusCallback: string | null;
  createdAt: number;
  updatedAt: number;
  sentAt: number | null;
}

/** A file that a contact has sent, in base64. */
export interface SimMedia {
  sid: string;
  messageSid: string;
  contentType: string;
  data: string;
}

/** Generator of Twilio's ids: two letters and 32 hexadecimal digits. */
export type NewSid = (prefix: string) => string;

export function createSidGenerator(random: RandomSource): NewSid {
  return (prefix) => prefix + random(16).toString('hex');
}

/** Creates the demo account: two numbers, a Messaging Service with one of them, a WhatsApp sender, an API key. */
export function createDemoState(random: RandomSource): TwilioState {
  const newSid = createSidGenerator(random);
  const createNumber = (phoneNumber: string, friendlyName: string): SimNumber => ({
    ...{ sid: newSid('PN'), phoneNumber, friendlyName, hasSms: true },
    ...{ smsUrl: '', smsMethod: 'POST', smsApplicationSid: '' },
  });
  return {
    account: {
      ...{ sid: newSid('AC'), authToken: random(16).toString('hex'), friendlyName: 'Harbour Dental' },
      ...{ status: 'active', type: 'Full' },
    },
    apiKeys: [{ sid: newSid('SK'), secret: random(16).toString('hex') }],
    numbers: [createNumber('+12025550100', 'Front desk'), createNumber('+12025550101', 'Campaigns')],
    services: [
      {
        ...{ sid: newSid('MG'), friendlyName: 'Reminders', inboundRequestUrl: '', inboundMethod: 'POST' },
        ...{ useInboundWebhookOnNumber: false, hasAdvancedOptOut: true, pool: ['+12025550101'] },
      },
    ],
    channelSenders: [{ address: 'whatsapp:+12025550102', status: 'ONLINE', webhookUrl: '' }],
    ...{ messages: [], media: [], optOuts: [], verifiedNumbers: [] },
  };
}

/** Finds the Messaging Service of a sender. */
export function findService(state: TwilioState, sender: string): SimService | undefined {
  return state.services.find(({ pool }) => pool.includes(sender));
}

/** Returns whether a contact has opted out of a sender, or of another sender of its Messaging Service. */
export function hasOptedOut(state: TwilioState, sender: string, contact: string): boolean {
  const senders = findService(state, sender)?.pool ?? [sender];
  return state.optOuts.some((optOut) => optOut.contact === contact && senders.includes(optOut.sender));
}
