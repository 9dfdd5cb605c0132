import * as z from 'zod';
import type { Connections } from '../../compose/connections.ts';
import type { Messaging } from '../../compose/messaging.ts';
import { routingPolicy } from '../../connections/routing-policy.ts';
import { maxChars } from '../../core/bounds.ts';
import type { Provider } from '../../highlevel/providers.ts';
import { routingRule, routingStep } from '../../messages/routing/stored-route.ts';
import { toActor } from '../auth/access.ts';
import { getProvider } from './channels.ts';
import { defineRoute } from './route.ts';
import { connectionParams } from './schemas.ts';

export interface RoutingRouteDeps {
  providers: readonly Provider[];
  connections: Pick<Connections, 'getRoutingPolicy' | 'setRoutingPolicy'>;
  messaging: Pick<Messaging, 'previewRoute'>;
}

const policy = routingPolicy.meta({ id: 'RoutingPolicy' });
/** The same with a name of its own: what has a default may be left out of a request, and is in every response. */
const policyRequest = routingPolicy.meta({ id: 'RoutingPolicyWanted' });

const previewRequest = z
  .object({
    to: z.string().trim().min(1).max(maxChars.address).describe('Address of the contact.'),
    contactId: z
      .string()
      .trim()
      .min(1)
      .max(maxChars.highlevelId)
      .optional()
      .describe('Without it, rules about the contact match nothing.'),
    text: z.string().max(10_000).optional(),
  })
  .meta({ id: 'RoutingPreviewWanted' });

const preview = z
  .object({
    connectionId: z.uuid(),
    name: z.string().nullable(),
    sender: z.string().nullable().describe('Null for the connection’s own.'),
    rule: routingRule,
    steps: z.array(routingStep).describe('Rules in their order, up to the one that decides.'),
    fails: z.boolean().describe('The message would fail, as what is chosen is unavailable.'),
    text: z.string().nullable().describe('The text without its override.'),
  })
  .meta({ id: 'RoutingPreview' });

/** Defines the endpoints about the rules by which messages find their connection and sender. */
export function createRoutingRoutes(deps: RoutingRouteDeps) {
  const path = '/locations/:locationId/routing/:providerKey';
  return [
    defineRoute({
      method: 'get',
      path,
      summary: 'Get the rules by which a provider’s messages find their connection and sender',
      permission: 'read',
      scope: 'channels:read',
      params: connectionParams,
      response: policy,
      async handle({ params }) {
        getProvider({ providers: deps.providers }, params.providerKey);
        return deps.connections.getRoutingPolicy(params);
      },
    }),

    defineRoute({
      method: 'put',
      path,
      summary: 'Replace the rules by which a provider’s messages find their connection and sender',
      permission: 'write',
      scope: 'channels:write',
      params: connectionParams,
      body: policyRequest,
      response: policy,
      async handle({ params, body, access }) {
        getProvider({ providers: deps.providers }, params.providerKey);
        await deps.connections.setRoutingPolicy(params, body, toActor(access));
        return body;
      },
    }),

    defineRoute({
      method: 'post',
      path: `${path}/preview`,
      summary: 'Find out which connection and sender a message would get, and why; sends nothing',
      permission: 'read',
      scope: 'channels:read',
      params: connectionParams,
      body: previewRequest,
      response: preview,
      async handle({ params, body }) {
        getProvider({ providers: deps.providers }, params.providerKey);
        const { decision, connection } = await deps.messaging.previewRoute(params, body);
        return { ...decision, steps: [...decision.steps], name: connection.name ?? connection.account };
      },
    }),
  ];
}
