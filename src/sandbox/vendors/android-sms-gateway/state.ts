import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated SMS gateway: one account. Plain data that survives a restart. */
export interface AndroidState {
  account: {
    username: string;
    password: string;
    signingKey: string;
    /** The password was changed in the app. */
    isRefused: boolean;
  };
  devices: SimDevice[];
  messages: SimMessage[];
  webhooks: SimWebhook[];
}

export interface SimDevice {
  id: string;
  name: string;
  isOnline: boolean;
  lastSeenAt: number;
  simCards: { slotIndex: number; simNumber: number; phoneNumber: string | null; carrierName: string | null }[];
}

export type SimMessageState = 'Pending' | 'Processed' | 'Sent' | 'Delivered' | 'Failed' | 'Cancelled';

export interface SimMessage {
  id: string;
  deviceId: string;
  to: string;
  text: string;
  simNumber: number | null;
  state: SimMessageState;
  /** Times by state. */
  times: Partial<Record<SimMessageState, number>>;
  error: string | null;
}

export interface SimWebhook {
  id: string;
  url: string;
  event: string;
  deviceId: string | null;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

/** Creates an id of 21 characters, as the gateway makes them. */
export function createNanoId(random: RandomSource): string {
  return Array.from(random(21), (byte) => alphabet[byte % alphabet.length]).join('');
}

/** Creates a phone that is online. */
export function createDevice(random: RandomSource, name: string, phoneNumber: string, at: number): SimDevice {
  return {
    ...{ id: createNanoId(random), name, isOnline: true, lastSeenAt: at },
    simCards: [{ slotIndex: 0, simNumber: 1, phoneNumber, carrierName: 'Example Mobile' }],
  };
}

/** Creates the demo account with one phone. */
export function createDemoState(random: RandomSource, at: number): AndroidState {
  return {
    account: {
      ...{ username: random(3).toString('hex').toUpperCase(), password: random(12).toString('hex') },
      ...{ signingKey: random(12).toString('base64url'), isRefused: false },
    },
    devices: [createDevice(random, 'Front desk phone', '+12025550130', at)],
    ...{ messages: [], webhooks: [] },
  };
}
