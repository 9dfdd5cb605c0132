import { callServer, type ServerAccess, type ServerRequest, type ServerResult } from '../whatsapp-web/call-server.ts';
import type { EvolutionConfig, EvolutionContext } from './config.ts';

/** Context of a request. */
export type ApiContext = Pick<EvolutionContext, 'http' | 'clock' | 'signal' | 'connection'>;

/** Returns the access to a connection's server. */
export function toAccess({ baseUrl, apiKey, webhookSecret }: EvolutionConfig): ServerAccess {
  return { name: 'Evolution API', baseUrl, headers: { apikey: apiKey }, secrets: [apiKey, webhookSecret] };
}

/** Calls the server. @param request `path`: a path to which the instance's name is added */
export function callEvolution(context: ApiContext, request: ServerRequest): Promise<ServerResult> {
  const { config } = context.connection;
  const path = `${request.path}/${encodeURIComponent(config.instance)}`;
  return callServer(context, toAccess(config), { ...request, path });
}
