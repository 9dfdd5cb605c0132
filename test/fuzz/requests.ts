import fc from 'fast-check';
import { createBody, createValidOrOdd, oddJson, oddText } from './inputs.ts';

/** One request to the program, or one webhook of HighLevel or a vendor with a valid signature. */
export type FuzzRequest =
  | {
      kind: 'http';
      method: string;
      path: string;
      query: [string, string][];
      token: string | null;
      headers: [string, string][];
      body: unknown;
    }
  | { kind: 'webhook'; path: string; body: unknown }
  | { kind: 'callback'; event: string; body: unknown };

/** Parts of the world that the requests name: ids that exist and valid tokens. */
export interface FuzzTargets {
  paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
  pages: readonly string[];
  ids: Record<string, string[]>;
  tokens: readonly string[];
}

const headers = fc.array(
  fc.constantFrom<[string, string]>(
    ['range', 'bytes=99999999-'],
    ['range', 'bytes=0-0,5-9'],
    ['range', 'x'],
    ['if-match', '"x"'],
    ['if-none-match', '*'],
    ['if-unmodified-since', 'Thu, 01 Jan 1970 00:00:00 GMT'],
    ['if-modified-since', 'yesterday'],
    ['accept', 'text/html'],
    ['accept', 'application/json'],
    ['accept-language', '\u00e9;q=9'],
    ['referer', 'https://x.example/'],
    ['referer', 'not an address'],
    ['content-type', 'text/plain'],
    ['origin', 'null'],
    ['cookie', 'a=b; patchbay=%00'],
  ),
  { maxLength: 2 },
);

const fields = {
  type: 'gateway',
  config: { url: 'https://gateway.example/send' },
  to: '+12025550143',
  text: 'hi',
  reason: 'failed',
  direction: 'outbound',
  since: '2026-01-01T00:00:00Z',
  until: '2026-12-31T00:00:00Z',
  encryptedData: 'U2FsdGVkX1+aaaa',
  do: 'test',
};

/** Draws requests to every address of the API, with ids that exist and that do not; `DELETE` gets odd ids only, so that the tenant stays. */
function createApiRequests({ paths, ids, tokens }: FuzzTargets): fc.Arbitrary<FuzzRequest> {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => ({ path, method, parameters })),
  );
  return fc.constantFrom(...operations).chain(({ path, method, parameters }) => {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
    const weight = method === 'delete' ? 0 : 4;
    const values = names.map((name) => (weight === 0 ? oddText : createValidOrOdd(ids[name] ?? [], weight)));
    const queryNames = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
    return fc.record({
      kind: fc.constant('http' as const),
      method: fc.constant(method.toUpperCase()),
      path: fc.tuple(...values).map((filled) => `/api${fillPath(path, names, filled)}`),
      query: createQuery(queryNames),
      token: fc.option<string>(createValidOrOdd(tokens, 12)),
      headers,
      body: method === 'get' ? fc.constant(undefined) : createBody(fields),
    });
  });
}

function createPageRequests({ pages, ids, tokens }: FuzzTargets): fc.Arbitrary<FuzzRequest> {
  const queryNames = [
    'q',
    'day',
    'status',
    'direction',
    'channel',
    'reason',
    'zone',
    'before',
    'after',
    'days',
    'type',
    'make',
    'test',
  ];
  return fc.tuple(fc.constantFrom(...pages), fc.boolean()).chain(([page, isForm]) => {
    const names = [...page.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
    return fc.record({
      kind: fc.constant('http' as const),
      method: fc.constant(isForm ? 'POST' : 'GET'),
      path: fc
        .tuple(...names.map((name) => createValidOrOdd(ids[name] ?? [])))
        .map((filled) => `/embed/pages/${fillPath(page.replace(/:(\w+)/g, '{$1}'), names, filled)}`),
      query: createQuery(queryNames),
      token: fc.option<string>(createValidOrOdd(tokens, 12)),
      headers,
      body: isForm ? createBody(fields) : fc.constant(undefined),
    });
  });
}

function createOpenRequests(): fc.Arbitrary<FuzzRequest> {
  const paths = [
    '/',
    '/admin',
    '/ADMIN',
    '/admin/sign-in',
    '/embed',
    '/install',
    '/oauth/callback',
    '/assets/embed.js',
    '/healthz',
  ];
  const more = [
    '/readyz',
    '/metrics',
    '/docs/gateway-protocol.md',
    '/media/x/y',
    '/webhooks/app',
    '/webhooks/providers/sms',
    '/channels/x/y',
  ];
  return fc.record({
    kind: fc.constant('http' as const),
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
    path: fc.oneof(
      fc.constantFrom(...paths, ...more),
      oddText.map((text) => `/${encode(text)}`),
    ),
    query: createQuery(['code', 'state', 'error', 'error_description', 'to', 'version']),
    token: fc.constant(null),
    headers,
    body: fc.option(oddJson, { nil: undefined }),
  });
}

function createWebhooks({ ids }: FuzzTargets): fc.Arbitrary<FuzzRequest> {
  const [locationId] = ids.locationId ?? [];
  const delivery = createBody({
    locationId,
    messageId: 'fuzz',
    contactId: 'c',
    phone: '+12025550143',
    message: 'hi',
    attachments: ['https://x.example/a.png'],
    emailTo: ['maya@example.com'],
    html: '<p>hi</p>',
    userId: 'u',
    type: 'SMS',
    conversationProviderId: 'p',
  });
  const event = createBody({
    type: 'LocationUpdate',
    appId: 'a',
    companyId: 'c',
    locationId,
    webhookId: 'w',
    timestamp: '2026-01-01T00:00:00Z',
  });
  return fc.record({
    kind: fc.constant('webhook' as const),
    path: fc.constantFrom('/webhooks/providers/sms', '/webhooks/providers/mail', '/webhooks/app'),
    body: fc.oneof(delivery, event),
  });
}

function createChannelWebhooks(): fc.Arbitrary<FuzzRequest> {
  const inbound = createBody({
    externalId: 'e',
    from: '+12025550143',
    to: '+12025550100',
    text: 'hi',
    html: '<p>hi</p>',
    attachments: ['https://x.example/a.png'],
    at: '2026-01-01T00:00:00Z',
    direction: 'inbound',
    name: 'Maya',
  });
  const status = createBody({
    externalId: 'e',
    id: '01890000-0000-7000-8000-000000000000',
    status: 'delivered',
    at: '2026-01-01T00:00:00Z',
    error: { code: 'x' },
  });
  return fc.oneof(
    fc.record({ kind: fc.constant('callback' as const), event: fc.constant('inbound'), body: inbound }),
    fc.record({ kind: fc.constant('callback' as const), event: fc.constantFrom('status', 'odd'), body: status }),
  );
}

/** Draws requests of every kind from outside, in the mix of an attack. */
export function createRequests(targets: FuzzTargets): fc.Arbitrary<FuzzRequest> {
  return fc.oneof(
    createApiRequests(targets),
    createPageRequests(targets),
    createOpenRequests(),
    createWebhooks(targets),
    createChannelWebhooks(),
  );
}

function createQuery(names: readonly string[]): fc.Arbitrary<[string, string][]> {
  if (names.length === 0) return fc.constant([]);
  return fc.array(fc.tuple(fc.constantFrom(...names), oddText), { maxLength: 3 });
}

function fillPath(path: string, names: readonly string[], values: readonly string[]): string {
  return names.reduce((filled, name, at) => filled.replace(`{${name}}`, encode(values[at] ?? '')), path);
}

/** Encodes text for an address; a lone surrogate has no encoding of its own. */
export function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('.', '%2E');
}
