/** A limit on one tenant's items in a batch. */
export interface TenantLimit<Item> {
  of(item: Item): string;
  /** Most items of one tenant in a batch, while other tenants have items too. */
  maxPerBatch: number;
}

export interface FairShare<Item> {
  recordTenant(item: Item): void;
  /** Splits waiting items into those that the next batch may take and those that wait; each tenant's items stay in order. */
  split<Queued extends { readonly item: Item }>(
    queued: readonly Queued[],
  ): { next: readonly Queued[]; later: readonly Queued[] };
}

/** Batches after which a tenant whose items were the only ones counts as alone: seconds under load. */
const aloneAfterBatches = 1_000;

/**
 * Limits each tenant's part of a batch. Requests are acknowledged batch by batch, so one tenant's flood then also arrives in small groups:
 * with no limit, a flood over 32 connections kept the event loop from another tenant for 32 requests at a time. A tenant that is alone
 * has no limit, as large batches are nearly twice as fast.
 */
export function createFairShare<Item>({ of, maxPerBatch }: TenantLimit<Item>): FairShare<Item> {
  let lastTenant: string | undefined;
  let sharedBatchesLeft = 0;
  return {
    recordTenant(item) {
      const tenant = of(item);
      if (lastTenant !== undefined && tenant !== lastTenant) sharedBatchesLeft = aloneAfterBatches;
      lastTenant = tenant;
    },
    split(queued) {
      if (sharedBatchesLeft === 0) return { next: queued, later: [] };
      sharedBatchesLeft -= 1;
      const counts = new Map<string, number>();
      const isNext = queued.map(({ item }) => {
        const tenant = of(item);
        const count = (counts.get(tenant) ?? 0) + 1;
        counts.set(tenant, count);
        return count <= maxPerBatch;
      });
      return { next: queued.filter((_, index) => isNext[index]), later: queued.filter((_, index) => !isNext[index]) };
    },
  };
}
