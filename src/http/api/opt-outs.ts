import type { Messaging } from '../../compose/messaging.ts';
import { toActor } from '../auth/access.ts';
import { optOut, optOutParams, optOutRequest, optOutsQuery } from './opt-out-schemas.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, locationParams } from './schemas.ts';

export interface OptOutRouteDeps {
  messaging: Pick<Messaging, 'listOptOuts' | 'addOptOut' | 'liftOptOut'>;
}

/** Defines the endpoints about a location's opt-outs. */
export function createOptOutRoutes({ messaging }: OptOutRouteDeps) {
  const path = '/locations/:locationId/opt-outs/:address';

  return [
    defineRoute({
      method: 'get',
      path: '/locations/:locationId/opt-outs',
      summary: 'List the addresses that have opted out of messages, the newest opt-out first',
      permission: 'read',
      params: locationParams,
      query: optOutsQuery,
      response: createPageSchema(optOut),
      async handle({ location, query }) {
        const { items, nextCursor } = await messaging.listOptOuts(location.resourceId, query);
        return { items: items.map(toOptOutView), nextCursor };
      },
    }),

    defineRoute({
      method: 'put',
      path,
      summary: 'Opt an address out of all messages; an opt-out of the contact’s own stays as it is',
      permission: 'write',
      params: optOutParams,
      body: optOutRequest,
      response: optOut,
      async handle({ location, params, body, access }) {
        const ref = { locationId: location.resourceId, address: params.address };
        return toOptOutView(await messaging.addOptOut(ref, body.reason, toActor(access)));
      },
    }),

    defineRoute({
      method: 'delete',
      path,
      summary: 'Lift the opt-outs of an address, after the contact has asked for messages again',
      permission: 'write',
      params: optOutParams,
      body: optOutRequest,
      async handle({ location, params, body, access }) {
        const ref = { locationId: location.resourceId, address: params.address };
        await messaging.liftOptOut(ref, body.reason, toActor(access));
      },
    }),
  ];
}

function toOptOutView({ messageType, ...row }: Awaited<ReturnType<OptOutRouteDeps['messaging']['addOptOut']>>) {
  return { ...row, channel: messageType };
}
