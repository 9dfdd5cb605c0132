import type { Simulator } from '../highlevel/simulator.ts';

/** Lists the providers of messages. */
export function listProviders({ world }: Simulator) {
  return world.app.providers.filter(({ kind }) => kind !== 'call');
}

/** Finds the chosen provider, else the first. */
export function findProvider(simulator: Simulator, key: string | undefined) {
  const providers = listProviders(simulator);
  return providers.find((one) => one.key === key) ?? providers[0];
}

/** Returns the name of a provider for the page. */
export function toProviderName(key: string, kind: string): string {
  return { sms: 'SMS', email: 'Email' }[kind] ?? key;
}
