import type { FetchedAttachment } from '../../runtime/fetch-file.ts';
import type { ChannelConnection } from '../channel.ts';
import { type RequestContext, requestVendor, type VendorResponse } from '../mail/request.ts';
import type { MailgunConfig } from './config.ts';

/** Context of a request: what every call to Mailgun needs. */
export type ApiContext = RequestContext & { readonly connection: ChannelConnection<MailgunConfig> };

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path below the host. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Fields of a form. The same name may be there several times. */
  readonly form?: readonly (readonly [string, string])[];
  readonly files?: readonly FetchedAttachment[];
}

/** Mailgun takes an email of 25 MB in one request. */
const timeoutMs = 60_000;

/** Builds the value of the `Authorization` header. */
export function toAuthorization({ apiKey }: Pick<MailgunConfig, 'apiKey'>): string {
  return `Basic ${Buffer.from(`api:${apiKey}`).toString('base64')}`;
}

/** Calls Mailgun once. Each response and each failure of the network is a result. */
export function requestMailgun(context: ApiContext, request: ApiRequest): Promise<VendorResponse> {
  const { config, previousConfig } = context.connection;
  const { path, query = {}, form, files = [], method = form ? 'POST' : 'GET' } = request;
  const url = new URL(config.baseUrl + path);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const configs = [config, ...(previousConfig ? [previousConfig] : [])];
  const isMultipart = files.length > 0;
  return requestVendor(context, {
    ...{ vendor: 'Mailgun', method, url: url.href, timeoutMs },
    ...(form ? { data: isMultipart ? toMultipart(form, files) : toUrlEncoded(form) } : {}),
    headers: {
      authorization: toAuthorization(config),
      ...(form && !isMultipart ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
    },
    secrets: configs.flatMap((one) => [one.apiKey, toAuthorization(one).slice('Basic '.length), one.webhookSigningKey]),
  });
}

function toUrlEncoded(form: readonly (readonly [string, string])[]): string {
  return new URLSearchParams(form.map(([name, value]): [string, string] => [name, value])).toString();
}

/** Builds a form with files. Mailgun drops a file without a name, and does not say so. */
function toMultipart(form: readonly (readonly [string, string])[], files: readonly FetchedAttachment[]): FormData {
  const data = new FormData();
  for (const [name, value] of form) data.append(name, value);
  for (const file of files) {
    data.append('attachment', new Blob([new Uint8Array(file.data)], { type: file.contentType }), file.name);
  }
  return data;
}
