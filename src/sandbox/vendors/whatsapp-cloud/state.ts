import { createHash } from 'node:crypto';
import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated Meta: one app, one account, one number. Plain data that survives a restart. */
export interface WhatsAppVendorState {
  business: VendorBusiness;
  templates: VendorTemplate[];
  /** Webhook address of the number. */
  webhook: { url: string; verifyToken: string } | null;
  /** Another program's address of the whole account. */
  accountWebhookUrl: string | null;
  isSubscribed: boolean;
  people: VendorPerson[];
  messages: VendorMessage[];
  media: Record<string, VendorMedia>;
}

export interface VendorBusiness {
  accountId: string;
  phoneNumberId: string;
  displayNumber: string;
  verifiedName: string;
  appId: string;
  appSecret: string;
  accessToken: string;
  health: 'AVAILABLE' | 'LIMITED' | 'BLOCKED';
}

/** User of WhatsApp. */
export interface VendorPerson {
  /** WhatsApp's spelling of the number. */
  waId: string;
  userId: string;
  name: string;
  /** The number is left out of webhooks. */
  isNumberHidden: boolean;
  hasStoppedMarketing: boolean;
  lastInboundAt: number | null;
}

export interface VendorTemplate {
  name: string;
  language: string;
  category: 'MARKETING' | 'UTILITY' | 'AUTHENTICATION';
  status: 'APPROVED' | 'PENDING' | 'PAUSED';
  parameterFormat: 'POSITIONAL' | 'NAMED';
  body: string;
}

export interface VendorMessage {
  id: string;
  direction: 'outbound' | 'inbound';
  /** The contact's WhatsApp number. */
  waId: string;
  type: string;
  text: string;
  /** Ids of files, and addresses of linked ones. */
  media: string[];
  callbackData: string | null;
  replyTo: string | null;
  status: 'accepted' | 'sent' | 'delivered' | 'read' | 'failed';
  at: number;
}

export interface VendorMedia {
  contentType: string;
  base64: string;
  name: string;
}

const demoTemplates: readonly VendorTemplate[] = [
  {
    name: 'appointment_reminder',
    language: 'en_US',
    category: 'UTILITY',
    status: 'APPROVED',
    parameterFormat: 'POSITIONAL',
    body: 'Hello {{1}}, your appointment is on {{2}}. Reply here to change it.',
  },
  {
    name: 'message_from_team',
    language: 'en_US',
    category: 'UTILITY',
    status: 'APPROVED',
    parameterFormat: 'POSITIONAL',
    body: 'Message from our team: {{1}} Reply here to write back.',
  },
  {
    name: 'spring_offer',
    language: 'es',
    category: 'MARKETING',
    status: 'APPROVED',
    parameterFormat: 'NAMED',
    body: 'Hola {{first_name}}, hay una oferta para ti: {{offer}}. Responde para saber más.',
  },
];

/** Creates the state of a demo business; fields of an earlier state are kept. */
export function createWhatsAppState(random: RandomSource, saved?: Partial<WhatsAppVendorState>): WhatsAppVendorState {
  return {
    business: {
      accountId: '102290129340398',
      phoneNumberId: '106540352242922',
      displayNumber: '15550783881',
      verifiedName: 'Harbour Dental',
      appId: '670843887433847',
      appSecret: random(16).toString('hex'),
      accessToken: `EAA${random(48).toString('hex')}`,
      health: 'AVAILABLE',
    },
    templates: demoTemplates.map((template) => ({ ...template })),
    webhook: null,
    accountWebhookUrl: null,
    isSubscribed: false,
    people: [],
    messages: [],
    media: {},
    ...saved,
  };
}

/** Returns the person of a number or a user id; a number that is new becomes a person. */
export function getPerson(state: WhatsAppVendorState, address: string): VendorPerson {
  const waId = toWaId(address);
  const known = state.people.find((person) => person.userId === address || person.waId === waId);
  if (known) return known;
  const person: VendorPerson = {
    waId,
    userId: toUserId(waId),
    name: `User ${waId.slice(-4)}`,
    isNumberHidden: false,
    hasStoppedMarketing: false,
    lastInboundAt: null,
  };
  state.people.push(person);
  return person;
}

/** Converts a number to WhatsApp's spelling: older Brazilian accounts are without the ninth digit, Mexican ones have the old 1. */
function toWaId(address: string): string {
  const digits = address.replace(/^\+/, '');
  return digits.replace(/^55(\d{2})9(\d{8})$/, '55$1$2').replace(/^52(\d{10})$/, '521$1');
}

function toUserId(waId: string): string {
  const hash = createHash('sha256').update(waId).digest();
  return `US.${hash.readBigUInt64BE().toString()}`;
}

/** Returns the SHA-256 of a file as Meta's webhooks write it. */
export function hashMedia(media: VendorMedia): string {
  return createHash('sha256').update(Buffer.from(media.base64, 'base64')).digest('base64');
}
