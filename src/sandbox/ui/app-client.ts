import type { Axios } from 'axios';
import type { AppConnection } from '../phone.ts';

/** The sandbox page's access to the app, by the operator's API. The token never reaches the browser. */
export interface AppClient {
  /** Finds the connection of a location's provider; null when no channel is connected. */
  findConnection(locationId: string, providerKey: string): Promise<AppConnection | null>;
  connectPhone(locationId: string, providerKey: string): Promise<boolean>;
}

export function createAppClient(http: Axios, baseUrl: string, adminToken: string): AppClient {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' };
  const toChannelUrl = (locationId: string, providerKey: string) =>
    `${baseUrl}/api/locations/${encodeURIComponent(locationId)}/channels/${encodeURIComponent(providerKey)}`;

  return {
    async findConnection(locationId, providerKey) {
      const response = await http.get(toChannelUrl(locationId, providerKey), { headers, validateStatus: () => true });
      if (response.status !== 200) return null;
      const { connectionId, type, config, callbackUrls } = JSON.parse(response.data);
      return { type, config, callbackUrls, callbackUrl: `${baseUrl}/channels/${connectionId}` };
    },
    async connectPhone(locationId, providerKey) {
      const body = JSON.stringify({ type: 'sandbox', config: {} });
      const response = await http.put(toChannelUrl(locationId, providerKey), body, { headers, validateStatus: () => true });
      return response.status === 200;
    },
  };
}
