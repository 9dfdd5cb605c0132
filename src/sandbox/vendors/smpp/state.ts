import type { RandomSource } from '../../../core/ids.ts';

/** State of the simulated carrier: one account. Plain data that survives a restart. */
export interface SmscState {
  account: { systemId: string; password: string; isRefused: boolean; sender: string };
  /** Port of the server, which the app's connection has stored. */
  port: number | null;
  lastId: number;
  messages: SimSms[];
  /** What the app has not acknowledged yet, oldest first. */
  deliveries: SimDelivery[];
}

/** A message that the carrier has accepted, with all of its parts. */
export interface SimSms {
  /** Numbers of its parts, in the order in which they came. */
  ids: number[];
  from: string;
  to: string;
  text: string;
  at: number;
  state: 'accepted' | 'delivered' | 'failed';
}

/** A `deliver_sm` as the app gets it. */
export interface SimDelivery {
  id: string;
  fields: Record<string, string | number>;
  /** In base64. */
  octets: string;
  tlvs: { tag: number; value: string }[];
}

/** Creates the state of a new carrier. Its secret is public, as all of the demo. */
export function createSmscState(random: RandomSource): SmscState {
  return {
    account: { systemId: 'demo', password: random(6).toString('hex'), isRefused: false, sender: '+12025550100' },
    port: null,
    // Large enough for ids whose two forms differ.
    lastId: 0x1d30_5b00,
    messages: [],
    deliveries: [],
  };
}
