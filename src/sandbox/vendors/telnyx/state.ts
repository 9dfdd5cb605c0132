import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated Telnyx: one account. Plain data that survives a restart. */
export interface TelnyxState {
  account: {
    apiKey: string;
    /** Seed of the key that signs webhooks, in base64. */
    seed: string;
    /** In base64, as the portal shows it. */
    publicKey: string;
    balance: string;
    isActive: boolean;
  };
  profiles: SimProfile[];
  numbers: SimNumber[];
  messages: SimMessage[];
  media: SimMedia[];
  /** A block counts for all numbers of a messaging profile. */
  optOuts: { profileId: string; contact: string }[];
}

export interface SimProfile {
  id: string;
  name: string;
  enabled: boolean;
  webhookUrl: string | null;
  webhookApiVersion: '1' | '2' | '2010-04-01';
  whitelistedDestinations: string[];
}

export interface SimNumber {
  phoneNumber: string;
  type: 'longcode' | 'tollfree' | 'shortcode';
  profileId: string | null;
  hasSms: boolean;
}

export interface SimMessage {
  id: string;
  direction: 'outbound' | 'inbound';
  from: string;
  to: string;
  text: string;
  mediaUrls: string[];
  type: 'SMS' | 'MMS';
  profileId: string;
  status: string;
  errors: SimError[];
  webhookUrl: string | null;
  createdAt: number;
  completedAt: number | null;
}

export interface SimError {
  code: string;
  title: string;
  detail?: string;
}

/** A file that a contact has sent, in base64. */
export interface SimMedia {
  id: string;
  contentType: string;
  data: string;
}

/** Creates an id as Telnyx makes them. */
export function createUuid(random: RandomSource): string {
  const hex = random(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Loads the key that signs webhooks. */
export function toSigningKey(seed: string) {
  return createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, Buffer.from(seed, 'base64')]),
    format: 'der',
    type: 'pkcs8',
  });
}

/** Derives the public key of a seed, in base64. */
export function toPublicKey(seed: string): string {
  return createPublicKey(toSigningKey(seed)).export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
}

/** Creates the demo account: two messaging profiles, three numbers, of which one has no profile. */
export function createDemoState(random: RandomSource): TelnyxState {
  const seed = random(32).toString('base64');
  const createProfile = (name: string): SimProfile => ({
    ...{ id: createUuid(random), name, enabled: true, webhookUrl: null, webhookApiVersion: '2' },
    whitelistedDestinations: ['*'],
  });
  const profiles = [createProfile('Front desk'), createProfile('Campaigns')];
  const createNumber = (phoneNumber: string, profileId: string | null): SimNumber => ({
    ...{ phoneNumber, type: 'longcode', profileId, hasSms: true },
  });
  return {
    account: {
      ...{ apiKey: `KEY${random(24).toString('hex')}`, seed, publicKey: toPublicKey(seed) },
      ...{ balance: '25.00', isActive: true },
    },
    profiles,
    numbers: [
      createNumber('+12025550120', profiles[0]?.id ?? null),
      createNumber('+12025550121', profiles[1]?.id ?? null),
      createNumber('+12025550122', null),
    ],
    ...{ messages: [], media: [], optOuts: [] },
  };
}
