import { AppError } from '../core/errors.ts';

/** Handles one item and resolves when its group is done. @throws AppError `overloaded`, or what the work threw */
export type Batcher<Item, Result> = (item: Item) => Promise<Result>;

export interface BatcherOptions<Item, Result> {
  /** Does all at once. @returns the results in the items' order */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  /** Whether failed work is the fault of one of its items, so that the others would do without it. */
  isItemError?(error: unknown): boolean;
  /** The most items of one batch. */
  maxBatchSize: number;
  /** The most items that wait; one more is refused. */
  maxQueued?: number;
  /** How much memory an item takes, about; a group, and all that wait, take only so much. */
  weight?: { of(item: Item): number; maxPerBatch: number; maxQueued: number };
}

interface QueuedItem<Item, Result> {
  item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const retryAfterMs = 1_000;

/**
 * Many items, one statement or one commit: what comes in the same turn goes together, and what comes while a group is under way goes
 * into the next one. So a group grows with the load, and without load an item waits for nobody.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  const { run, isItemError = () => false, maxBatchSize, maxQueued = Number.POSITIVE_INFINITY, weight } = options;
  let queued: QueuedItem<Item, Result>[] = [];
  let queuedWeight = 0;
  let isRunning = false;

  async function runAll(): Promise<void> {
    while (queued.length > 0) await runBatch(takeBatch());
    isRunning = false;
  }

  function takeBatch(): QueuedItem<Item, Result>[] {
    const count = weight ? countFitting(weight) : maxBatchSize;
    const batch = queued.slice(0, count);
    queued = queued.slice(count);
    for (const { item } of batch) queuedWeight -= weight?.of(item) ?? 0;
    return batch;
  }

  /** How many of those that wait make a batch; one at least. */
  function countFitting({ of, maxPerBatch }: NonNullable<typeof weight>): number {
    let total = 0;
    const count = queued.slice(0, maxBatchSize).findIndex(({ item }, index) => {
      total += of(item);
      return index > 0 && total > maxPerBatch;
    });
    return count === -1 ? maxBatchSize : count;
  }

  /** Halves a group until whoever is at fault stands alone: its neighbours must not fail with it. */
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
      queuedWeight += itemWeight;
      if (isRunning) return;
      isRunning = true;
      setImmediate(() => void runAll());
    });
  };
}

/**
 * Groups small items and large ones apart, so that a small one waits for no statement that carries another tenant's megabytes: one
 * location's webhooks of 9 MiB held up all others for seconds. A tenant's small items go with its large ones while it has any, in order.
 *
 * @param minLargeWeight the weight from which an item is large
 */
export function createSizedBatcher<Item, Result>(
  options: BatcherOptions<Item, Result> & Required<Pick<BatcherOptions<Item, Result>, 'weight'>>,
  { minLargeWeight, toTenant }: { minLargeWeight: number; toTenant(item: Item): string },
): Batcher<Item, Result> {
  const [small, large] = [createBatcher(options), createBatcher(options)];
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
 * Reads by key, many keys in one statement, each key once however many ask for it.
 *
 * @param read gets every key once and answers by the keys' names
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
