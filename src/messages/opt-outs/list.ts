import { formatCsvRow } from '../../core/csv.ts';
import { paginate } from '../../core/pagination.ts';
import type { Database, OptOut, Prisma } from '../../database/client.ts';

/** Part of the ledger: open opt-outs, ended ones, or both. */
export type OptOutState = 'open' | 'lifted' | 'all';

export interface OptOutFilter {
  state?: OptOutState | undefined;
  /** Part of an address. */
  q?: string | undefined;
}

export interface OptOutQuery extends OptOutFilter {
  cursor?: string | undefined;
  limit: number;
}

/** Lists a location's opt-outs, newest first; without a state those that are open. */
export async function listOptOuts(db: Database, locationId: string, { cursor, limit, ...filter }: OptOutQuery) {
  const rows = await db.client.optOut.findMany({
    where: { ...toCondition(locationId, filter), ...(cursor ? { id: { lt: cursor } } : {}) },
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  return paginate<OptOut>(rows, limit, ({ id }) => id);
}

function toCondition(locationId: string, { state = 'open', q }: OptOutFilter): Prisma.OptOutWhereInput {
  return {
    locationId,
    ...(state === 'all' ? {} : { liftedAt: state === 'open' ? null : { not: null } }),
    ...(q ? { address: { contains: q, mode: 'insensitive' } } : {}),
  };
}

/** Columns of the export. The first ones are those that an import reads. */
const columns = {
  address: ({ address }) => address,
  reason: ({ reason }) => reason,
  channel: ({ messageType }) => messageType,
  category: ({ category }) => category,
  source: ({ source }) => source,
  added_by: ({ addedBy }) => addedBy,
  opted_out_at: ({ startedAt }) => startedAt.toISOString(),
  lifted_at: ({ liftedAt }) => liftedAt?.toISOString(),
  lifted_by: ({ liftedBy }) => liftedBy,
  lift_reason: ({ liftReason }) => liftReason,
} satisfies Record<string, (row: OptOut) => string | null | undefined>;

const rowsPerPart = 500;

/** Exports a location's opt-outs as CSV, a part at a time: memory does not grow with the ledger. */
export async function* exportOptOuts(db: Database, locationId: string, filter: OptOutFilter): AsyncGenerator<string> {
  yield formatCsvRow(Object.keys(columns));
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await listOptOuts(db, locationId, { ...filter, cursor, limit: rowsPerPart });
    yield page.items.map((row) => formatCsvRow(Object.values(columns).map((read) => read(row) ?? ''))).join('');
    cursor = page.nextCursor;
  }
}
