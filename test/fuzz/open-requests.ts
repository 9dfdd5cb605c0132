import fc from 'fast-check';
import { workflowSecret } from '../support/workflow-options.ts';
import { drawPath, drawQuery, encode, type FuzzHttpRequest, headers } from './http-requests.ts';
import { createBody, createValidOrOdd, oddJson, oddText } from './inputs.ts';
import type { FuzzTargets } from './targets.ts';

/** Addresses beside the API and the pages, as the app's routers spell them. A test compares them with the routers. */
export const openRoutes = [
  '/',
  '/healthz',
  '/readyz',
  '/metrics',
  '/embed',
  '/install',
  '/progress',
  '/oauth/callback',
  '/oauth/mail/start/:ticket',
  '/oauth/mail/callback',
  '/admin/sign-in',
  '/admin/sign-out',
  '/assets/embed.js',
  '/docs/gateway-protocol.md',
  '/media/:secret/:name',
  '/webhooks/app',
  '/webhooks/providers/:key',
  '/workflows/actions/:key',
  '/workflows/fields/:key',
  '/workflows/triggers',
  '/channels/:connectionId/:event',
  '/channels/:connectionId/link',
  '/channels/:connectionId/unsubscribe',
] as const;

const queryNames = ['code', 'state', 'error', 'error_description', 'to', 'version', 'ticket', 'contact', 'address', 'proof'];

/** Draws requests to what is open to strangers, to HighLevel's workflows, and to contacts. */
export function createOpenRequests(targets: FuzzTargets): fc.Arbitrary<FuzzHttpRequest> {
  return fc.oneof(
    { arbitrary: createStrangersRequests(targets), weight: 4 },
    { arbitrary: createWorkflowRequests(targets), weight: 2 },
    { arbitrary: createUnsubscribeRequests(targets), weight: 1 },
  );
}

function createStrangersRequests(targets: FuzzTargets): fc.Arbitrary<FuzzHttpRequest> {
  const route = fc.constantFrom(...openRoutes, '/ADMIN', '/admin');
  return fc.record({
    ...toOpen,
    route: fc.constant('an open address'),
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
    path: fc.oneof(
      { arbitrary: route.chain((path) => drawPath(path, targets.ids)), weight: 3 },
      { arbitrary: oddText.map((text) => `/${encode(text)}`), weight: 1 },
    ),
    query: drawQuery(targets, queryNames),
    headers,
    body: fc.option(oddJson, { nil: undefined }),
  });
}

/** Draws the requests of our actions and triggers, with their secret. */
function createWorkflowRequests({ ids, known }: FuzzTargets): fc.Arbitrary<FuzzHttpRequest> {
  const [locationId, contactId] = [ids.locationId?.[0], known.contactId?.[0]];
  const extras = createBody({ locationId, contactId, workflowId: 'w', statusId: 's', stepId: 't' });
  const values = {
    provider: 'sms',
    text: 'hi',
    address: '+12025550143',
    change: 'opt_out',
    attachments: ['https://x.example/a.png'],
  };
  const action = fc.record({ data: createBody({ ...values, sender: '+12025550100', reason: 'asked', branches: [] }), extras });
  const trigger = fc.record({
    triggerData: createBody({
      ...{ id: 't', key: 'message_failed', eventType: 'CREATED', targetUrl: 'https://x.example/' },
      filters: [{ field: 'provider', operator: '==', value: ['sms'] }],
    }),
    meta: createBody({ key: 'message_failed', version: '1.0' }),
    extras,
  });
  const isAction = fc.constantFrom('/workflows/actions/:key', '/workflows/fields/:key', '/workflows/triggers');
  return isAction.chain((path) =>
    fc.record({
      ...toOpen,
      route: fc.constant(`post ${path}`),
      method: fc.constant('POST'),
      path: drawPath(path, ids),
      query: fc.constant<[string, string][]>([]),
      headers: fc
        .tuple(headers, createValidOrOdd([workflowSecret], 12))
        .map(([more, secret]): [string, string][] => [...more, ['x-patchbay-secret', encode(secret)]]),
      body: fc.oneof({ arbitrary: path.endsWith('triggers') ? trigger : action, weight: 8 }, { arbitrary: oddJson, weight: 1 }),
    }),
  );
}

/** Draws a contact's requests to the page of an unsubscribe link that we wrote, and to such pages with another proof. */
function createUnsubscribeRequests({ ids, unsubscribe }: FuzzTargets): fc.Arbitrary<FuzzHttpRequest> {
  const [, mailbox = ''] = ids.connectionId ?? [];
  const link = fc.tuple(createValidOrOdd([unsubscribe.address], 8), createValidOrOdd([unsubscribe.proof], 8));
  return fc.record({
    ...toOpen,
    route: fc.constant('unsubscribe page'),
    method: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT'),
    path: createValidOrOdd([mailbox], 8).map((id) => `/channels/${encode(id)}/unsubscribe`),
    query: link.map(([address, proof]): [string, string][] => [
      ['address', address],
      ['proof', proof],
    ]),
    headers,
    body: fc.constantFrom<unknown>(undefined, { 'List-Unsubscribe': 'One-Click' }),
  });
}

const toOpen = {
  kind: fc.constant('http' as const),
  caller: fc.constant(null),
  contentType: fc.constantFrom('application/json' as const, 'application/x-www-form-urlencoded' as const),
};
