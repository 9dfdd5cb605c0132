import type { Operations, Problem } from './api.ts';

export type * from './api.ts';

/** Method and path of an operation, such as `GET /api/locations/{locationId}`. */
export type OperationName = keyof Operations;

/** The input of an operation: only the parts that it has, and those that it requires. */
export type Input<Name extends OperationName> = Part<'path', Operations[Name]['path']> &
  Part<'query', Operations[Name]['query']> &
  (Operations[Name]['body'] extends undefined ? { body?: undefined } : { body: Operations[Name]['body'] });

type Part<Key extends string, Fields> = keyof Fields extends never
  ? { [K in Key]?: undefined }
  : Record<never, never> extends Fields
    ? { [K in Key]?: Fields }
    : { [K in Key]: Fields };

/** Operations that return one page of a list. */
export type ListName = {
  [Name in OperationName]: Operations[Name]['response'] extends { items: unknown[]; nextCursor: string | null } ? Name : never;
}[OperationName];

type Item<Name extends ListName> = Operations[Name]['response'] extends { items: (infer One)[] } ? One : never;

export interface ClientOptions {
  /** Public address of the installation, such as `https://patchbay.example.com`. */
  baseUrl: string;
  /** API token (`pb_…`) of a location, or the operator's. */
  token: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch;
}

/** An error that the API responds. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** Stable code, such as `not_found`. */
  readonly code: string;
  readonly details: readonly string[];
  /** Seconds to wait, where the API names them. */
  readonly retryAfterSeconds: number | null;

  constructor(status: number, error: Problem['error'], retryAfterSeconds: number | null) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.details = error.details;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface Client {
  /** Sends a request. @throws ApiError for every status but 2xx */
  request<Name extends OperationName>(name: Name, input: Input<Name>): Promise<Operations[Name]['response']>;
  /** Yields the items of all pages of a list. @throws ApiError */
  listAll<Name extends ListName>(name: Name, input: Input<Name>): AsyncGenerator<Item<Name>>;
}

/** Creates a client of the API. It retries no request. */
export function createClient({ baseUrl, token, fetch: send = fetch }: ClientOptions): Client {
  const client: Client = {
    async request(name, input) {
      const { path = {}, query = {}, body } = input as { path?: object; query?: object; body?: unknown };
      const [method, template] = (name as string).split(' ') as [string, string];
      const isText = typeof body === 'string';
      const response = await send(toUrl(baseUrl, template, path, query), {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
        },
        ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') ?? false;
      if (!response.ok) throw toApiError(response, isJson ? text : '');
      return (text === '' ? undefined : isJson ? JSON.parse(text) : text) as never;
    },

    async *listAll(name, input) {
      let cursor: string | null = null;
      do {
        const { query } = input as { query?: object };
        const page = (await client.request(name, {
          ...input,
          query: { ...query, ...(cursor === null ? {} : { cursor }) },
        } as typeof input)) as { items: never[]; nextCursor: string | null };
        yield* page.items;
        cursor = page.nextCursor;
      } while (cursor !== null);
    },
  };
  return client;
}

function toUrl(baseUrl: string, template: string, path: object, query: object): string {
  const values = path as Record<string, string>;
  const pathname = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]));
  return `${baseUrl.replace(/\/+$/, '')}${pathname}${given.length > 0 ? `?${search}` : ''}`;
}

function toApiError(response: Response, text: string): ApiError {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  let error: Problem['error'] = { code: 'unknown', message: `The API responded ${response.status}.`, details: [] };
  try {
    error = (JSON.parse(text) as Problem).error ?? error;
  } catch {
    // A page of a proxy in front of the API.
  }
  return new ApiError(response.status, error, Number.isFinite(seconds) ? seconds : null);
}
