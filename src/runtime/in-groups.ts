import { AppError } from '../core/errors.ts';

/** Handles one item and resolves when its group is done. @throws AppError `overloaded`, or what the work threw */
export type Grouped<Item, Result> = (item: Item) => Promise<Result>;

export interface GroupOptions<Item, Result> {
  /** Does all at once. @returns the results in the items' order */
  work(items: readonly Item[]): Promise<readonly Result[]>;
  /** Whether failed work is the fault of one of its items, so that the others would do without it. */
  isItemsFault?(error: unknown): boolean;
  /** The most items of one group. */
  atMost: number;
  /** The most items that wait; one more is refused. */
  waitingAtMost?: number;
  /** How much memory an item takes, about; a group, and all that wait, take only so much. */
  size?: { of(item: Item): number; groupAtMost: number; waitingAtMost: number };
}

interface Waiting<Item, Result> {
  item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const retryAfterMs = 1_000;

/**
 * Many items, one statement or one commit: what comes in the same turn goes together, and what comes while a group is under way goes
 * into the next one. So a group grows with the load, and without load an item waits for nobody.
 */
export function inGroups<Item, Result>(options: GroupOptions<Item, Result>): Grouped<Item, Result> {
  const { work, isItemsFault = () => false, atMost, waitingAtMost = Number.POSITIVE_INFINITY, size } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let waitingSize = 0;
  let isWorking = false;

  async function workAll(): Promise<void> {
    while (waiting.length > 0) await settle(nextGroup());
    isWorking = false;
  }

  function nextGroup(): Waiting<Item, Result>[] {
    const count = size ? fitting(size) : atMost;
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    for (const { item } of group) waitingSize -= size?.of(item) ?? 0;
    return group;
  }

  /** How many of those that wait make a group; one at least. */
  function fitting({ of, groupAtMost }: NonNullable<typeof size>): number {
    let total = 0;
    const count = waiting.slice(0, atMost).findIndex(({ item }, index) => {
      total += of(item);
      return index > 0 && total > groupAtMost;
    });
    return count === -1 ? atMost : count;
  }

  /** Halves a group until whoever is at fault stands alone: its neighbours must not fail with it. */
  async function settle(group: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await work(group.map(({ item }) => item));
      for (const [index, { resolve }] of group.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (group.length === 1 || !isItemsFault(error)) {
        for (const { reject } of group) reject(error);
        return;
      }
      const half = group.length >> 1;
      await settle(group.slice(0, half));
      await settle(group.slice(half));
    }
  }

  return (item) => {
    const itemSize = size?.of(item) ?? 0;
    if (waiting.length >= waitingAtMost || (size && waitingSize + itemSize > size.waitingAtMost)) {
      const error = new AppError('overloaded', 'More arrives than can be stored. Please send it again in a moment.', {
        retryAfterMs,
      });
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      waitingSize += itemSize;
      if (isWorking) return;
      isWorking = true;
      setImmediate(() => void workAll());
    });
  };
}

/**
 * Groups small items and large ones apart, so that a small one waits for no statement that carries another tenant's megabytes: one
 * location's webhooks of 9 MiB held up all others for seconds. A tenant's small items go with its large ones while it has any, in order.
 *
 * @param largeFrom the size from which an item is large
 */
export function inGroupsBySize<Item, Result>(
  options: GroupOptions<Item, Result> & Required<Pick<GroupOptions<Item, Result>, 'size'>>,
  { largeFrom, tenantOf }: { largeFrom: number; tenantOf(item: Item): string },
): Grouped<Item, Result> {
  const [small, large] = [inGroups(options), inGroups(options)];
  const largeCounts = new Map<string, number>();
  return async (item) => {
    const tenant = tenantOf(item);
    const count = largeCounts.get(tenant) ?? 0;
    if (count === 0 && options.size.of(item) < largeFrom) return small(item);
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

const readAtMost = 500;

/**
 * Reads by key, many keys in one statement, each key once however many ask for it.
 *
 * @param read gets every key once and answers by the keys' names
 */
export function readInGroups<Key, Value>(
  nameOf: (key: Key) => string,
  read: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>,
): (key: Key) => Promise<Value | null> {
  return inGroups<Key, Value | null>({
    atMost: readAtMost,
    async work(keys) {
      const found = await read([...new Map(keys.map((key) => [nameOf(key), key])).values()]);
      return keys.map((key) => found.get(nameOf(key)) ?? null);
    },
  });
}
