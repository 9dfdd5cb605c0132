import { AppError } from '../core/errors.ts';
import { createFairShare, type TenantLimit } from './fair-share.ts';

/** Handles one item and resolves when its batch is done. @throws AppError `overloaded`, or the error of `run` */
export type Batcher<Item, Result> = (item: Item) => Promise<Result>;

export interface BatcherOptions<Item, Result> {
  /** Handles a batch. @returns the results in the items' order */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** Returns whether one of the items caused the error, so that the others would succeed without it. */
  isItemError?(error: unknown): boolean;
  /** Most items of one batch. */
  maxBatchSize: number;
  /** Most items that wait; one more is rejected. */
  maxQueued?: number;
  /** Approximate memory of an item; a batch, and all waiting items, are limited by it. */
  weight?: { of(item: Item): number; maxPerBatch: number; maxQueued: number };
  /** Limit on one tenant's part of a batch. */
  tenant?: TenantLimit<Item>;
}

interface QueuedItem<Item, Result> {
  item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const retryAfterMs = 1_000;

/**
 * Creates a micro-batcher: items that arrive in one turn of the event loop share a statement or commit, and items that arrive while a batch
 * runs form the next one. So a batch grows with the load, and without load an item waits for no other.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  const { run, isItemError = () => false, maxBatchSize, maxQueued = Number.POSITIVE_INFINITY, weight, tenant } = options;
  const fairShare = tenant && createFairShare(tenant);
  let queued: QueuedItem<Item, Result>[] = [];
  let queuedWeight = 0;
  let isRunning = false;

  async function runAll(): Promise<void> {
    while (queued.length > 0) await runBatch(takeBatch());
    isRunning = false;
  }

  function takeBatch(): QueuedItem<Item, Result>[] {
    const { next, later } = fairShare?.split(queued) ?? { next: queued, later: [] };
    const count = weight ? countFitting(next, weight) : maxBatchSize;
    const batch = next.slice(0, count);
    queued = [...next.slice(count), ...later];
    for (const { item } of batch) queuedWeight -= weight?.of(item) ?? 0;
    return batch;
  }

  /** Counts the first items that fit into a batch; one at least. */
  function countFitting(items: readonly QueuedItem<Item, Result>[], { of, maxPerBatch }: NonNullable<typeof weight>): number {
    let total = 0;
    const count = items.slice(0, maxBatchSize).findIndex(({ item }, index) => {
      total += of(item);
      return index > 0 && total > maxPerBatch;
    });
    return count === -1 ? maxBatchSize : count;
  }

  /** Runs a batch; bisects it when one item is at fault, so that its neighbours do not fail with it. */
  async function runBatch(batch: QueuedItem<Item, Result>[]): Promise<void> {
    try {
      const results = await run(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length === 1 || !isItemError(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const half = batch.length >> 1;
      await runBatch(batch.slice(0, half));
      await runBatch(batch.slice(half));
    }
  }

  return (item) => {
    const itemWeight = weight?.of(item) ?? 0;
    if (queued.length >= maxQueued || (weight && queuedWeight + itemWeight > weight.maxQueued)) {
      const error = new AppError('overloaded', 'More arrives than can be stored. Please send it again in a moment.', {
        retryAfterMs,
      });
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      queued.push({ item, resolve, reject });
      fairShare?.recordTenant(item);
      queuedWeight += itemWeight;
      if (isRunning) return;
      isRunning = true;
      setImmediate(() => void runAll());
    });
  };
}

/**
 * Batches small items and large ones apart, so that a small one waits for no statement that carries another tenant's megabytes: one
 * location's webhooks of 9 MiB delayed all others by seconds. A tenant's small items join its large ones while it has any, in order.
 *
 * @param minLargeWeight weight from which an item is large
 * @param maxPerTenant most items of one tenant in a batch, while other tenants have items too
 */
export function createSizedBatcher<Item, Result>(
  options: BatcherOptions<Item, Result> & Required<Pick<BatcherOptions<Item, Result>, 'weight'>>,
  { minLargeWeight, toTenant, maxPerTenant }: { minLargeWeight: number; toTenant(item: Item): string; maxPerTenant: number },
): Batcher<Item, Result> {
  const limited = { ...options, tenant: { of: toTenant, maxPerBatch: maxPerTenant } };
  const [small, large] = [createBatcher(limited), createBatcher(limited)];
  const largeCounts = new Map<string, number>();
  return async (item) => {
    const tenant = toTenant(item);
    const count = largeCounts.get(tenant) ?? 0;
    if (count === 0 && options.weight.of(item) < minLargeWeight) return small(item);
    largeCounts.set(tenant, count + 1);
    try {
      return await large(item);
    } finally {
      const left = (largeCounts.get(tenant) ?? 1) - 1;
      if (left > 0) largeCounts.set(tenant, left);
      else largeCounts.delete(tenant);
    }
  };
}

const maxKeysPerRead = 500;

/**
 * Creates a loader that reads by key, many keys in one statement, each key once however many callers request it.
 *
 * @param read receives every key once and returns the values by the keys' names
 */
export function createLoader<Key, Value>(
  toName: (key: Key) => string,
  read: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>,
): (key: Key) => Promise<Value | null> {
  return createBatcher<Key, Value | null>({
    maxBatchSize: maxKeysPerRead,
    async run(keys) {
      const found = await read([...new Map(keys.map((key) => [toName(key), key])).values()]);
      return keys.map((key) => found.get(toName(key)) ?? null);
    },
  });
}
