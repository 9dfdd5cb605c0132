import type { AxiosInstance } from 'axios';

/** The desk's own access to the app: the operator's API. The token stays on this side of the browser. */
export interface AppClient {
  /** Where the app listens for a location's phone; null when no channel is connected. */
  callbackUrl(locationId: string, providerKey: string): Promise<string | null>;
  connectPhone(locationId: string, providerKey: string): Promise<boolean>;
}

export function appClient(http: AxiosInstance, baseUrl: string, adminToken: string): AppClient {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const address = (locationId: string, providerKey: string) =>
    `${baseUrl}/api/locations/${encodeURIComponent(locationId)}/channels/${encodeURIComponent(providerKey)}`;

  return {
    async callbackUrl(locationId, providerKey) {
      const response = await http.get(address(locationId, providerKey), { headers, validateStatus: () => true });
      if (response.status !== 200) return null;
      const { connectionId } = JSON.parse(response.data) as { connectionId: string };
      return `${baseUrl}/channels/${connectionId}`;
    },
    async connectPhone(locationId, providerKey) {
      const body = JSON.stringify({ type: 'sandbox', config: {} });
      const response = await http.put(address(locationId, providerKey), body, { headers, validateStatus: () => true });
      return response.status === 200;
    },
  };
}
