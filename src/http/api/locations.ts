import { AppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import { findInstallation, type Installation } from '../../installations/store.ts';
import { route } from './route.ts';
import { location, locationParams, pageOf, pageQuery } from './shapes.ts';

/** Addresses about the locations that have installed the app. */
export function locationRoutes(deps: { db: Database }) {
  return [
    route({
      method: 'get',
      path: '/locations',
      summary: 'Every location that has, or had, the app',
      query: pageQuery,
      answer: pageOf(location),
      async handle({ query }) {
        const rows = await deps.db.client.installation.findMany({
          where: { kind: 'location', ...(query.cursor ? { resourceId: { gt: query.cursor } } : {}) },
          orderBy: { resourceId: 'asc' },
          take: query.limit + 1,
        });
        const items = rows.slice(0, query.limit);
        return {
          items: await withChannels(deps.db, items),
          nextCursor: rows.length > items.length ? (items.at(-1)?.resourceId ?? null) : null,
        };
      },
    }),

    route({
      method: 'get',
      path: '/locations/:locationId',
      summary: 'One location',
      params: locationParams,
      answer: location,
      async handle({ params }) {
        const [found] = await withChannels(deps.db, [await installedLocation(deps.db, params.locationId)]);
        return found as NonNullable<typeof found>;
      },
    }),
  ];
}

/** @throws AppError `not_found`: the app was never installed there */
export async function installedLocation(db: Database, locationId: string): Promise<Installation> {
  const row = await findInstallation(db, { kind: 'location', resourceId: locationId });
  if (!row) throw new AppError('not_found', `The app is not installed in location ${locationId}.`);
  return row;
}

async function withChannels(db: Database, rows: Installation[]) {
  const connections = await db.client.connection.findMany({
    where: { locationId: { in: rows.map(({ resourceId }) => resourceId) } },
    orderBy: { id: 'asc' },
  });
  return rows.map((row) => ({
    ...row,
    locationId: row.resourceId,
    channels: connections
      .filter(({ locationId }) => locationId === row.resourceId)
      .map(({ id, providerKey, type }) => ({ connectionId: id, providerKey, type })),
  }));
}
