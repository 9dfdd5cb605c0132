import type { RandomSource } from '../../../core/ids.ts';
import { createWebAccount, type WebAccountState } from '../whatsapp-web/state.ts';

/** State of the simulated Evolution API server: one instance. Plain data that survives a restart. */
export interface EvolutionVendorState extends WebAccountState {
  apiKey: string;
  instance: string;
  /** The instance's only webhook. */
  webhook: EvolutionWebhook | null;
  /** Older versions keep no headers of a webhook. */
  keepsHeaders: boolean;
  isActivated: boolean;
}

export interface EvolutionWebhook {
  enabled: boolean;
  url: string;
  headers: Record<string, string> | null;
  events: string[];
  webhookByEvents: boolean;
  webhookBase64: boolean;
}

/** Creates the state of a demo server; fields of an earlier state are kept. */
export function createEvolutionState(random: RandomSource, saved?: Partial<EvolutionVendorState>): EvolutionVendorState {
  return {
    ...createWebAccount({ phone: '15550783883' }),
    ...{ apiKey: random(18).toString('hex').toUpperCase(), instance: 'harbour dental', webhook: null },
    ...{ keepsHeaders: true, isActivated: true },
    ...saved,
  };
}

/** Returns Evolution's word for the state of the instance. */
export function toEvolutionState({ link }: EvolutionVendorState): 'open' | 'connecting' | 'close' {
  if (link === 'linked') return 'open';
  return link === 'starting' || link === 'scan' ? 'connecting' : 'close';
}
