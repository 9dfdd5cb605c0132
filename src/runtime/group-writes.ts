import { AppError } from '../core/errors.ts';

/** Writes one item and resolves when it is durable. @throws AppError `overloaded`, or what the write threw */
export type GroupedWrite<Item, Result> = (item: Item) => Promise<Result>;

export interface GroupWriteOptions<Item, Result> {
  /** Writes all in one commit. @returns the results in the items' order */
  write(items: readonly Item[]): Promise<readonly Result[]>;
  /** Whether a failed write is the fault of one of its items, so that the others would do without it. */
  isItemsFault(error: unknown): boolean;
  /** The most items of one commit. */
  atMost: number;
  /** The most items that wait; one more is refused. */
  waitingAtMost: number;
}

interface Waiting<Item, Result> {
  item: Item;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const retryAfterMs = 1_000;

/**
 * Many writes, one commit: what arrives while a commit is under way goes into the next one. So a commit grows with the load, and
 * without load an item waits for nobody.
 */
export function groupWrites<Item, Result>(options: GroupWriteOptions<Item, Result>): GroupedWrite<Item, Result> {
  const { write, isItemsFault, atMost, waitingAtMost } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let isWriting = false;

  async function writeAll(): Promise<void> {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, atMost);
      waiting = waiting.slice(atMost);
      await settle(batch);
    }
    isWriting = false;
  }

  /** Halves a batch until whoever is at fault stands alone: its neighbours must not fail with it. */
  async function settle(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await write(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length === 1 || !isItemsFault(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const half = batch.length >> 1;
      await settle(batch.slice(0, half));
      await settle(batch.slice(half));
    }
  }

  return (item) => {
    if (waiting.length >= waitingAtMost) {
      const error = new AppError('overloaded', 'More arrives than can be stored. Please send it again in a moment.', {
        retryAfterMs,
      });
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isWriting) void writeAll();
    });
  };
}
