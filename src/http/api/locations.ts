import type { Installations } from '../../compose/installations.ts';
import { paginate } from '../../core/pagination.ts';
import type { Database } from '../../database/client.ts';
import { listPermissionProblems } from '../../installations/permissions.ts';
import type { Installation } from '../../installations/store.ts';
import { toActor, visibleLocations } from '../auth/access.ts';
import { type UninstallActionDeps, uninstallAndReconcile } from './companies.ts';
import { defineRoute } from './route.ts';
import { createPageSchema, location, locationParams, pageQuery, revokedSessions, uninstallQuery } from './schemas.ts';

export interface LocationRouteDeps extends UninstallActionDeps {
  installations: UninstallActionDeps['installations'] & Pick<Installations, 'revokeSessions'>;
  appUrl: string;
}

/** Defines the endpoints about locations: status, uninstalling, sessions. */
export function createLocationRoutes(deps: LocationRouteDeps) {
  const toLocationView = async (row: Installation) => {
    const [found] = await addChannels(deps, [row]);
    return found as NonNullable<typeof found>;
  };

  return [
    defineRoute({
      method: 'get',
      path: '/locations',
      summary: 'List the locations that have, or had, the app and that the token may see',
      permission: 'read',
      scope: 'locations:read',
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
      summary: 'Get a location',
      permission: 'read',
      scope: 'locations:read',
      params: locationParams,
      response: location,
      handle: ({ location: row }) => toLocationView(row),
    }),

    defineRoute({
      method: 'delete',
      path: '/locations/:locationId',
      summary: 'Uninstall the app from a location: queued messages fail, tokens and channel secrets are deleted',
      permission: 'write',
      scope: null,
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
        'End all sessions of a location: tokens, live streams and user contexts. Requires an agency’s admin or the operator',
      permission: 'revoke',
      scope: null,
      params: locationParams,
      response: revokedSessions,
      handle: async ({ location: row, access }) => ({
        revokedAt: await deps.installations.revokeSessions(row, toActor(access)),
      }),
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
    // A pending installation has no tokens yet and appears in no list.
    status: status === 'pending' ? ('uninstalled' as const) : status,
    locationId: row.resourceId,
    permissionProblems: problems.filter(({ resourceId }) => resourceId === row.resourceId),
    reconnectUrl: status === 'reauth_required' ? `${deps.appUrl}/install` : null,
    channels: connections
      .filter(({ locationId }) => locationId === row.resourceId)
      .map(({ id, providerKey, type }) => ({ connectionId: id, providerKey, type })),
  }));
}
