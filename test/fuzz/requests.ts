import fc from 'fast-check';
import { caller, drawPath, drawQuery, type FuzzHttpRequest, headers } from './http-requests.ts';
import { createBody, createValidOrOdd } from './inputs.ts';
import { createOpenRequests } from './open-requests.ts';
import { createPageRequests } from './page-requests.ts';
import { drawValues } from './schema-values.ts';
import { endsWorld, type FuzzOperation, type FuzzTargets } from './targets.ts';

/** One request to the program, or one webhook of HighLevel or a vendor with a valid signature. */
export type FuzzRequest =
  | FuzzHttpRequest
  | { kind: 'webhook'; path: string; body: unknown }
  | { kind: 'callback'; event: string; body: unknown };

/** Draws requests to every operation of the API; those after which the world would be gone get ids that do not exist. */
function createApiRequests(targets: FuzzTargets): fc.Arbitrary<FuzzRequest> {
  const operations = Object.entries(targets.operations).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return fc.constantFrom(...operations).chain(({ path, method, operation }) => {
    const { parameters = [], requestBody } = operation;
    const isFinal = method === 'delete' ? !path.includes('opt-outs') : path.split('/').some((part) => endsWorld.test(part));
    const queryNames = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
    const contentType =
      requestBody && 'text/csv' in requestBody.content ? ('text/csv' as const) : ('application/json' as const);
    return fc.record({
      kind: fc.constant('http' as const),
      route: fc.constant(`${method} ${path}`),
      method: fc.constant(method.toUpperCase()),
      path: drawPath(path, isFinal ? {} : targets.ids),
      query: drawQuery(targets, queryNames),
      caller,
      headers,
      contentType: fc.constant(contentType),
      body: method === 'get' ? fc.constant(undefined) : drawBody(targets, requestBody),
    });
  });
}

function drawBody(targets: FuzzTargets, requestBody: FuzzOperation['requestBody']): fc.Arbitrary<unknown> {
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
  if (!schema) return fc.option(drawValues(targets, {}), { nil: undefined });
  if (!requestBody?.content['text/csv']) return drawValues(targets, schema);
  return fc.oneof(createValidOrOdd(targets.known.csv ?? []), fc.string({ unit: 'binary', maxLength: 200 }));
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
    { arbitrary: createApiRequests(targets), weight: 3 },
    { arbitrary: createPageRequests(targets), weight: 3 },
    { arbitrary: createOpenRequests(targets), weight: 2 },
    { arbitrary: createWebhooks(targets), weight: 2 },
    { arbitrary: createChannelWebhooks(), weight: 2 },
  );
}
