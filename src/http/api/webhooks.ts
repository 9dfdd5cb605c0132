import * as z from 'zod';
import type { OutgoingWebhooks } from '../../compose/outgoing-webhooks.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { WebhookEndpoint } from '../../outbox/webhook-endpoints.ts';
import { webhookTypes } from '../../outbox/webhook-types.ts';
import { toActor } from '../auth/access.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, idPageQuery, locationParams, time } from './schemas.ts';

export interface WebhookRouteDeps {
  clock: Clock;
  outgoingWebhooks: Pick<
    OutgoingWebhooks,
    | 'addEndpoint'
    | 'changeEndpoint'
    | 'getEndpoint'
    | 'listEndpoints'
    | 'listWebhookAttempts'
    | 'removeEndpoint'
    | 'replayWebhooks'
    | 'sendTestWebhook'
  >;
}

/** The fields of an endpoint that a person sets: the API's body, and the page's. */
export const endpointRequest = z.object({
  url: z.string().trim().min(1).max(2_000),
  eventTypes: z.array(z.enum(webhookTypes)).min(1).max(webhookTypes.length),
  description: z.string().trim().max(200).nullable().default(null),
});

const endpointChange = endpointRequest.extend({
  isEnabled: z.boolean().default(true).describe('Enabling clears its failures.'),
  rotateSecret: z.boolean().default(false).describe('Makes a new secret; the one before is valid for another day.'),
});

const endpointFields = {
  id: z.uuid(),
  url: z.string(),
  description: z.string().nullable(),
  eventTypes: z.array(z.string()),
  status: z.enum(['active', 'failing', 'disabled']),
  disabledReason: z
    .enum(['failing', 'gone', 'user'])
    .nullable()
    .describe('Five days of failures, its response 410, or a person.'),
  failingSince: time.nullable(),
  lastSuccessAt: time.nullable().describe('Recorded at most once a minute.'),
  previousSecretUntil: time.nullable().describe('Until then, the secret before the rotation signs too.'),
  createdAt: time,
  updatedAt: time,
};

const endpoint = z.object(endpointFields).meta({ id: 'WebhookEndpoint' });
const endpointWithSecret = z
  .object({ ...endpointFields, secret: z.string().nullable().describe('A new secret, shown this once.') })
  .meta({ id: 'WebhookEndpointWithSecret' });

const attempt = z
  .object({
    id: z.uuid(),
    eventId: z.uuid().describe('The header webhook-id.'),
    type: z.string(),
    messageId: z.uuid().nullable(),
    startedAt: time,
    durationMs: z.int(),
    status: z.int().nullable().describe('HTTP status of the response; null without one.'),
    error: z.string().nullable().describe('Why there is no response.'),
    response: z.string().nullable().describe('Beginning of the response.'),
    outcome: z.enum(['delivered', 'failed']).nullable().describe('Of the event; null while it is open.'),
    nextAttemptAt: time.nullable(),
  })
  .meta({ id: 'WebhookAttempt' });

const replayRequest = z.object({
  eventId: z.uuid().optional().describe('Sends this one again.'),
  since: z.iso
    .datetime({ offset: true })
    .transform((at) => new Date(at))
    .optional()
    .describe('Sends all failed ones since then again, 10,000 at a time.'),
});

const params = locationParams.extend({ webhookId: z.uuid() });

/** Defines the endpoints of the API about the webhook endpoints of a location. */
export function createWebhookRoutes({ clock, outgoingWebhooks }: WebhookRouteDeps) {
  const path = '/locations/:locationId/webhooks';
  const toView = (row: WebhookEndpoint) => toEndpointView(row, dateNow(clock));
  return [
    defineRoute({
      method: 'get',
      path,
      summary: 'List the webhook endpoints of a location',
      permission: 'write',
      scope: 'webhooks:read',
      params: locationParams,
      response: createPageSchema(endpoint),
      async handle({ location }) {
        return { items: (await outgoingWebhooks.listEndpoints(location.resourceId)).map(toView), nextCursor: null };
      },
    }),

    defineRoute({
      method: 'post',
      path,
      summary: 'Add a webhook endpoint; the response is the only time at which its secret is shown',
      permission: 'write',
      scope: 'webhooks:write',
      params: locationParams,
      body: endpointRequest,
      response: endpointWithSecret,
      async handle({ location, body, access }) {
        const added = await outgoingWebhooks.addEndpoint(location.resourceId, body, toActor(access));
        return { ...toView(added.endpoint), secret: added.secret };
      },
    }),

    defineRoute({
      method: 'get',
      path: `${path}/:webhookId`,
      summary: 'Get a webhook endpoint',
      permission: 'write',
      scope: 'webhooks:read',
      params,
      response: endpoint,
      handle: async ({ location, params: { webhookId } }) =>
        toView(await outgoingWebhooks.getEndpoint(location.resourceId, webhookId)),
    }),

    defineRoute({
      method: 'put',
      path: `${path}/:webhookId`,
      summary: 'Change a webhook endpoint, disable or enable it, or rotate its secret',
      permission: 'write',
      scope: 'webhooks:write',
      params,
      body: endpointChange,
      response: endpointWithSecret,
      async handle({ location, params: { webhookId }, body, access }) {
        const ref = { id: webhookId, locationId: location.resourceId };
        const changed = await outgoingWebhooks.changeEndpoint(ref, body, toActor(access));
        return { ...toView(changed.endpoint), secret: changed.secret };
      },
    }),

    defineRoute({
      method: 'delete',
      path: `${path}/:webhookId`,
      summary: 'Remove a webhook endpoint',
      permission: 'write',
      scope: 'webhooks:write',
      params,
      handle: ({ location, params: { webhookId }, access }) =>
        outgoingWebhooks.removeEndpoint({ id: webhookId, locationId: location.resourceId }, toActor(access)),
    }),

    ...createWebhookLogRoutes({ clock, outgoingWebhooks }, `${path}/:webhookId`),
  ];
}

function createWebhookLogRoutes({ outgoingWebhooks }: WebhookRouteDeps, path: string) {
  return [
    defineRoute({
      method: 'get',
      path: `${path}/attempts`,
      summary: 'List the attempts to send events to a webhook endpoint, the newest first',
      permission: 'write',
      scope: 'webhooks:read',
      params,
      query: idPageQuery.extend({ failed: z.enum(['true', 'false']).optional().describe('`true`: only failed attempts.') }),
      response: createPageSchema(attempt),
      async handle({ location, params: { webhookId }, query: { failed, ...page } }) {
        const { id } = await outgoingWebhooks.getEndpoint(location.resourceId, webhookId);
        return outgoingWebhooks.listWebhookAttempts(id, { ...page, failed: failed === 'true' });
      },
    }),

    defineRoute({
      method: 'post',
      path: `${path}/replay`,
      summary: 'Send one event again, or all failed ones since a time, under their own ids',
      permission: 'write',
      scope: 'webhooks:write',
      params,
      body: replayRequest.refine(({ eventId, since }) => (eventId === undefined) !== (since === undefined), {
        error: 'must have either eventId or since',
      }),
      response: z.object({ count: z.int() }),
      status: 202,
      async handle({ location, params: { webhookId }, body, access }) {
        const row = await outgoingWebhooks.getEndpoint(location.resourceId, webhookId);
        const wanted = body.eventId ? { eventId: body.eventId } : { since: body.since as Date };
        return { count: await outgoingWebhooks.replayWebhooks(row, wanted, toActor(access)) };
      },
    }),

    defineRoute({
      method: 'post',
      path: `${path}/test`,
      summary: 'Send an event of the type webhook.test; the attempts show its response',
      permission: 'write',
      scope: 'webhooks:write',
      params,
      response: z.object({ eventId: z.uuid() }),
      status: 202,
      async handle({ location, params: { webhookId } }) {
        const row = await outgoingWebhooks.getEndpoint(location.resourceId, webhookId);
        return { eventId: await outgoingWebhooks.sendTestWebhook(row) };
      },
    }),
  ];
}

/** Converts an endpoint to the form that callers see, without its secrets. */
export function toEndpointView(row: WebhookEndpoint, now: Date) {
  const { disabledAt, failingSince, disabledReason, previousSecretUntil } = row;
  const status = disabledAt ? 'disabled' : failingSince ? 'failing' : 'active';
  return {
    ...row,
    status: status as 'disabled' | 'failing' | 'active',
    disabledReason: disabledReason as 'failing' | 'gone' | 'user' | null,
    previousSecretUntil: previousSecretUntil && previousSecretUntil > now ? previousSecretUntil : null,
    secret: null,
    previousSecret: null,
  };
}
