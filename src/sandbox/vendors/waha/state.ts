import type { RandomSource } from '../../../core/ids.ts';
import { createWebAccount, type WebAccountState } from '../whatsapp-web/state.ts';

/** State of the simulated WAHA server: one session. Plain data that survives a restart. */
export interface WahaVendorState extends WebAccountState {
  apiKey: string;
  session: string;
  engine: 'WEBJS' | 'NOWEB' | 'GOWS';
  /** Config of the session, with the webhooks of all programs. */
  config: Record<string, unknown>;
  restartCount: number;
}

export interface WahaWebhook {
  url: string;
  events: string[];
  hmac?: { key: string };
}

/** Creates the state of a demo server; fields of an earlier state are kept. */
export function createWahaState(random: RandomSource, saved?: Partial<WahaVendorState>): WahaVendorState {
  return {
    ...createWebAccount(),
    ...{ apiKey: random(18).toString('base64url'), session: 'default', engine: 'GOWS' as const, config: {}, restartCount: 0 },
    ...saved,
  };
}

/** Returns the webhooks of the session. */
export function listWahaWebhooks({ config }: WahaVendorState): WahaWebhook[] {
  return Array.isArray(config.webhooks) ? (config.webhooks as WahaWebhook[]) : [];
}

const statuses = {
  linked: 'WORKING',
  scan: 'SCAN_QR_CODE',
  starting: 'STARTING',
  stopped: 'STOPPED',
  failed: 'FAILED',
} as const;

/** Returns WAHA's word for the state of the session. */
export function toWahaStatus({ link }: WahaVendorState): (typeof statuses)[keyof typeof statuses] {
  return statuses[link];
}
