import { paginate } from '../../core/pagination.ts';
import type { Database } from '../../database/client.ts';
import { listPermissionProblems } from '../../installations/permissions.ts';
import type { ReconcileDeps } from '../../installations/reconcile-installation.ts';
import { revokeSessions } from '../../installations/sessions.ts';
import type { Installation } from '../../installations/store.ts';
import { actorOf, reachable } from '../access.ts';
import { disconnect } from './companies.ts';
import { route } from './route.ts';
import { leaveQuery, location, locationParams, pageOf, pageQuery, revoked } from './shapes.ts';

export interface LocationRouteDeps extends ReconcileDeps {
  appUrl: string;
}

/** Addresses about the locations that have installed the app. */
export function locationRoutes(deps: LocationRouteDeps) {
  const one = async (row: Installation) => {
    const [found] = await withChannels(deps, [row]);
    return found as NonNullable<typeof found>;
  };

  return [
    route({
      method: 'get',
      path: '/locations',
      summary: 'Every location that has, or had, the app, as far as the token reaches',
      needs: 'read',
      query: pageQuery,
      answer: pageOf(location),
      async handle({ query, access }) {
        const rows = await deps.db.client.installation.findMany({
          where: { AND: [reachable(access), query.cursor ? { resourceId: { gt: query.cursor } } : {}] },
          orderBy: { resourceId: 'asc' },
          take: query.limit + 1,
        });
        const { items, nextCursor } = paginate(rows, query.limit, ({ resourceId }) => resourceId);
        return { items: await withChannels(deps, items), nextCursor };
      },
    }),

    route({
      method: 'get',
      path: '/locations/:locationId',
      summary: 'One location',
      needs: 'read',
      params: locationParams,
      answer: location,
      handle: ({ location: row }) => one(row),
    }),

    route({
      method: 'delete',
      path: '/locations/:locationId',
      summary: 'Take the app out of a location: what is queued fails, tokens and channel secrets are forgotten',
      needs: 'write',
      params: locationParams,
      query: leaveQuery,
      answer: location,
      status: 202,
      handle: async ({ location: row, query, access }) => one(await disconnect(deps, row, access, query.reason)),
    }),

    route({
      method: 'post',
      path: '/locations/:locationId/sessions/revoke',
      summary:
        'End all sessions of a location: tokens, live streams and user contexts end. For an agency’s admin and the operator',
      needs: 'revoke',
      params: locationParams,
      answer: revoked,
      handle: async ({ location: row, access }) => ({ revokedAt: await revokeSessions(deps, row, actorOf(access)) }),
    }),
  ];
}

async function withChannels(deps: { db: Database; appUrl: string }, rows: Installation[]) {
  const connections = await deps.db.client.connection.findMany({
    where: { locationId: { in: rows.map(({ resourceId }) => resourceId) }, dormantSince: null },
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
