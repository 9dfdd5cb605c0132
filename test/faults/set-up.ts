import { adminToken } from '../support/production-settings.ts';
import { pollUntil } from '../support/program.ts';
import type { Crm } from './crm.ts';
import type { Gateway } from './gateway.ts';
import type { RefusingVendor } from './held.ts';
import { setUpRouting } from './routing.ts';

/** The parts of a run that know of each other once it is set up. */
export interface SetUp {
  /** Address of the balancer. */
  baseUrl: string;
  /** Addresses of the processes. */
  urls: readonly string[];
  crm: Crm;
  gateway: Gateway;
  /** In a run with routing. */
  refusing?: RefusingVendor;
}

/** Installs the locations of a run and connects their channels, when all processes are ready. */
export async function setUp({ baseUrl, urls, crm, gateway, refusing }: SetUp): Promise<void> {
  for (const url of urls) await pollUntil(() => isResponding(`${url}/readyz`), 'the processes are ready');
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  await fetch(`${baseUrl}/oauth/callback?code=${crm.approveInstall()}`);
  await pollUntil(async () => {
    const response = await fetch(`${baseUrl}/api/overview`, { headers });
    return ((await response.json()) as { locations: { active?: number } }).locations.active === crm.locations.length;
  }, 'the locations are installed');
  if (refusing && crm.hasRouting) return setUpRouting(baseUrl, crm, gateway, refusing);
  for (const { id } of crm.locations) {
    const response = await fetch(`${baseUrl}/api/locations/${id}/channels/sms`, {
      method: 'PUT',
      headers,
      body: JSON.stringify(gateway.createConnection?.(id) ?? gateway.connection),
    });
    const { callbackUrls } = (await response.json()) as { callbackUrls?: { status?: string } };
    if (!callbackUrls) throw new Error(`A channel could not be connected: ${response.status}`);
    if (callbackUrls.status === undefined) continue;
    const phones = crm.contacts.flatMap(({ locationId, phone }) => (locationId === id && phone ? phone : []));
    gateway.setWebhookUrl(id, callbackUrls.status.replace(/\/status$/, ''), phones);
  }
}

/** Returns whether an address responds with 200. */
export async function isResponding(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
  return response?.status === 200;
}
