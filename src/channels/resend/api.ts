import type { ChannelConnection } from '../channel.ts';
import { type RequestContext, requestVendor, type VendorResponse } from '../mail/request.ts';
import type { ResendConfig } from './config.ts';

/** Context of a request: what every call to Resend needs. */
export type ApiContext = RequestContext & { readonly connection: ChannelConnection<ResendConfig> };

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path below the host. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly idempotencyKey?: string;
}

const timeoutMs = 40_000;

/** Calls Resend once. Each response and each failure of the network is a result. */
export function requestResend(context: ApiContext, request: ApiRequest): Promise<VendorResponse> {
  const { config, previousConfig } = context.connection;
  const { path, query = {}, body, idempotencyKey, method = body ? 'POST' : 'GET' } = request;
  const url = new URL(config.baseUrl + path);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const configs = [config, ...(previousConfig ? [previousConfig] : [])];
  return requestVendor(context, {
    ...{ vendor: 'Resend', method, url: url.href, timeoutMs },
    ...(body === undefined ? {} : { data: JSON.stringify(body) }),
    headers: {
      authorization: `Bearer ${config.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    secrets: configs.flatMap(({ apiKey, webhookSecret }) => [apiKey, webhookSecret]),
  });
}
