import type { Messaging } from '../../compose/messaging.ts';
import { toActor } from '../auth/access.ts';
import {
  optOut,
  optOutExportQuery,
  optOutImport,
  optOutImportQuery,
  optOutParams,
  optOutRequest,
  optOutsQuery,
  refusedSends,
  refusedSendsQuery,
} from './opt-out-schemas.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, locationParams } from './schemas.ts';

export interface OptOutRouteDeps {
  messaging: Pick<
    Messaging,
    'listOptOuts' | 'addOptOut' | 'liftOptOut' | 'importOptOuts' | 'exportOptOuts' | 'countRefusedSends'
  >;
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
      scope: 'opt_outs:read',
      params: locationParams,
      query: optOutsQuery,
      response: createPageSchema(optOut),
      async handle({ location, query }) {
        const { items, nextCursor } = await messaging.listOptOuts(location.resourceId, query);
        return { items: items.map(toOptOutView), nextCursor };
      },
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId/opt-outs/export',
      summary: 'Export the opt-outs of a location as CSV, the newest first',
      permission: 'read',
      scope: 'opt_outs:read',
      params: locationParams,
      query: optOutExportQuery,
      download: {
        type: 'text/csv',
        description:
          'Columns address, reason, channel, category, source, added_by, opted_out_at, lifted_at, lifted_by and lift_reason. An apostrophe stands before a cell that a spreadsheet would run as a formula.',
      },
      handle: ({ location, query }) => ({
        fileName: 'opt-outs.csv',
        type: 'text/csv',
        parts: messaging.exportOptOuts(location.resourceId, query),
      }),
    }),

    defineRoute({
      method: 'post',
      path: '/locations/:locationId/opt-outs/import',
      summary: 'Opt addresses out of all messages, from CSV; rows with errors are listed, the others are stored',
      permission: 'write',
      scope: 'opt_outs:write',
      params: locationParams,
      query: optOutImportQuery,
      csvBody: 'At most 5 MB and 10,000 rows, with the columns address and reason. The first row may name them.',
      response: optOutImport,
      handle: ({ location, query, csv, access }) => messaging.importOptOuts(location.resourceId, csv, query, toActor(access)),
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId/opt-outs/refused',
      summary: 'Count the messages that were not sent because of an opt-out, by day and by cause',
      permission: 'read',
      scope: 'opt_outs:read',
      params: locationParams,
      query: refusedSendsQuery,
      response: refusedSends,
      handle: ({ location, query }) => messaging.countRefusedSends(location, query.days),
    }),

    defineRoute({
      method: 'put',
      path,
      summary: 'Opt an address out of all messages; an opt-out of the contact’s own stays as it is',
      permission: 'write',
      scope: 'opt_outs:write',
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
      scope: 'opt_outs:write',
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
