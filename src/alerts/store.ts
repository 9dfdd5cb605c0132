import { paginate } from '../core/pagination.ts';
import type { Alert, AlertKind, Database, Executor, Prisma } from '../database/client.ts';
import { alertKinds } from './alert.ts';

/** Filter of alerts; an omitted field matches all. */
export interface AlertFilter {
  open?: boolean | undefined;
  kind?: AlertKind | undefined;
  locationId?: string | undefined;
}

/** Lists alerts, newest first. @param within the alerts that the caller may see */
export async function listAlerts(
  db: Database,
  within: Prisma.AlertWhereInput,
  { open, kind, locationId, cursor, limit }: AlertFilter & { cursor?: string | undefined; limit: number },
) {
  const rows = await db.client.alert.findMany({
    where: {
      AND: [within, locationId === undefined ? {} : { locationId }, cursor ? { id: { lt: cursor } } : {}],
      ...(open === undefined ? {} : { endedAt: open ? null : { not: null } }),
      ...(kind ? { kind } : {}),
    },
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paginate<Alert>(rows, limit, ({ id }) => id);
}

/** Lists the open alerts of these locations, oldest first; a location without any is not in the map. */
export async function listOpenAlerts(on: Executor, locationIds: readonly string[]): Promise<Map<string, Alert[]>> {
  const rows = await on.alert.findMany({
    where: { dedupKey: { not: null }, locationId: { in: [...locationIds] } },
    orderBy: { id: 'asc' },
  });
  return Map.groupBy(rows, ({ locationId }) => locationId as string);
}

/** Counts the open alerts of every kind. */
export async function countOpenAlerts(on: Executor): Promise<Map<AlertKind, number>> {
  const counts = await on.alert.groupBy({ by: ['kind'], where: { dedupKey: { not: null } }, _count: true });
  const found = new Map(counts.map(({ kind, _count }) => [kind, _count]));
  return new Map(alertKinds.map((kind) => [kind, found.get(kind) ?? 0]));
}
