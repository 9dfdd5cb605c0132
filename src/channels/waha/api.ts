import { callServer, type ServerAccess, type ServerRequest, type ServerResult } from '../whatsapp-web/call-server.ts';
import type { WahaConfig, WahaContext } from './config.ts';

/** Context of a request. */
export type ApiContext = Pick<WahaContext, 'http' | 'clock' | 'signal' | 'connection'>;

/** Returns the access to a connection's server. */
export function toAccess({ baseUrl, apiKey, hmacKey }: WahaConfig): ServerAccess {
  return { name: 'WAHA', baseUrl, headers: { 'x-api-key': apiKey }, secrets: [apiKey, hmacKey] };
}

/** Calls the server. */
export function callWaha(context: ApiContext, request: ServerRequest): Promise<ServerResult> {
  return callServer(context, toAccess(context.connection.config), request);
}

/** Returns the path of the connection's session. */
export function toSessionPath({ session }: WahaConfig): string {
  return `/api/sessions/${encodeURIComponent(session)}`;
}
