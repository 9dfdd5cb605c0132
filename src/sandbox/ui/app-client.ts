import type { AxiosInstance } from 'axios';

/** The sandbox page's access to the app, by the operator's API. The token never reaches the browser. */
export interface AppClient {
  /** Finds the URL at which the app receives the webhooks of a location's phone; null when no channel is connected. */
  findCallbackUrl(locationId: string, providerKey: string): Promise<string | null>;
  /** Finds the same URL, if the gateway at this address is connected. */
  findGatewayCallbackUrl(locationId: string, providerKey: string, url: string): Promise<string | null>;
  connectPhone(locationId: string, providerKey: string): Promise<boolean>;
}

export function createAppClient(http: AxiosInstance, baseUrl: string, adminToken: string): AppClient {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const toChannelUrl = (locationId: string, providerKey: string) =>
    `${baseUrl}/api/locations/${encodeURIComponent(locationId)}/channels/${encodeURIComponent(providerKey)}`;

  async function findConnection(locationId: string, providerKey: string) {
    const response = await http.get(toChannelUrl(locationId, providerKey), { headers, validateStatus: () => true });
    return response.status === 200 ? (JSON.parse(response.data) as { connectionId: string; config: { url?: string } }) : null;
  }

  return {
    async findCallbackUrl(locationId, providerKey) {
      const found = await findConnection(locationId, providerKey);
      return found && `${baseUrl}/channels/${found.connectionId}`;
    },
    async findGatewayCallbackUrl(locationId, providerKey, url) {
      const found = await findConnection(locationId, providerKey);
      return found?.config.url === url ? `${baseUrl}/channels/${found.connectionId}` : null;
    },
    async connectPhone(locationId, providerKey) {
      const body = JSON.stringify({ type: 'sandbox', config: {} });
      const response = await http.put(toChannelUrl(locationId, providerKey), body, { headers, validateStatus: () => true });
      return response.status === 200;
    },
  };
}
