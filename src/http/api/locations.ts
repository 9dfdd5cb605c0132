import { paginate } from '../../core/pagination.ts';
import type { Database } from '../../database/client.ts';
import { listPermissionProblems } from '../../installations/permissions.ts';
import type { ReconcileDeps } from '../../installations/reconcile-installation.ts';
import { revokeSessions } from '../../installations/sessions.ts';
import type { Installation } from '../../installations/store.ts';
import { toActor, visibleLocations } from '../auth/access.ts';
import { uninstallAndReconcile } from './companies.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, location, locationParams, pageQuery, revokedSessions, uninstallQuery } from './schemas.ts';

export interface LocationRouteDeps extends ReconcileDeps {
  appUrl: string;
}

/** Addresses about the locations that have installed the app. */
export function createLocationRoutes(deps: LocationRouteDeps) {
  const toLocationView = async (row: Installation) => {
    const [found] = await addChannels(deps, [row]);
    return found as NonNullable<typeof found>;
  };

  return [
    defineRoute({
      method: 'get',
      path: '/locations',
      summary: 'Every location that has, or had, the app, as far as the token reaches',
      permission: 'read',
      query: pageQuery,
      response: createPageSchema(location),
      async handle({ query, access }) {
        const rows = await deps.db.client.installation.findMany({
          where: { AND: [visibleLocations(access), query.cursor ? { resourceId: { gt: query.cursor } } : {}] },
          orderBy: { resourceId: 'asc' },
          take: query.limit + 1,
        });
        const { items, nextCursor } = paginate(rows, query.limit, ({ resourceId }) => resourceId);
        return { items: await addChannels(deps, items), nextCursor };
      },
    }),

    defineRoute({
      method: 'get',
      path: '/locations/:locationId',
      summary: 'One location',
      permission: 'read',
      params: locationParams,
      response: location,
      handle: ({ location: row }) => toLocationView(row),
    }),

    defineRoute({
      method: 'delete',
      path: '/locations/:locationId',
      summary: 'Take the app out of a location: what is queued fails, tokens and channel secrets are forgotten',
      permission: 'write',
      params: locationParams,
      query: uninstallQuery,
      response: location,
      status: 202,
      handle: async ({ location: row, query, access }) =>
        toLocationView(await uninstallAndReconcile(deps, row, access, query.reason)),
    }),

    defineRoute({
      method: 'post',
      path: '/locations/:locationId/sessions/revoke',
      summary:
        'End all sessions of a location: tokens, live streams and user contexts end. For an agency’s admin and the operator',
      permission: 'revoke',
      params: locationParams,
      response: revokedSessions,
      handle: async ({ location: row, access }) => ({ revokedAt: await revokeSessions(deps, row, toActor(access)) }),
    }),
  ];
}

async function addChannels(deps: { db: Database; appUrl: string }, rows: Installation[]) {
  const connections = await deps.db.client.connection.findMany({
    where: { locationId: { in: rows.map(({ resourceId }) => resourceId) }, disabledAt: null },
    orderBy: { id: 'asc' },
  });
  const problems = await listPermissionProblems(deps.db.client, rows);
  return rows.map(({ status, ...row }) => ({
    ...row,
    // One whose tokens are only on their way is on no list.
    status: status === 'pending' ? ('uninstalled' as const) : status,
    locationId: row.resourceId,
    permissionProblems: problems.filter(({ resourceId }) => resourceId === row.resourceId),
    reconnectUrl: status === 'reauth_required' ? `${deps.appUrl}/install` : null,
    channels: connections
      .filter(({ locationId }) => locationId === row.resourceId)
      .map(({ id, providerKey, type }) => ({ connectionId: id, providerKey, type })),
  }));
}
