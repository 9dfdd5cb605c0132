import type { Clock } from '../core/clock.ts';

/** Bounds of the memory that bodies take from their first byte until they have been handled. */
export interface BodyLimits {
  /** All bodies together, without the one that is oversized. */
  totalBytes: number;
  /** Reserve for small bodies, so that a few large ones do not block many small ones. */
  smallReserveBytes: number;
  smallBytes: number;
  /** A body beyond this is oversized: one of them is held at a time. */
  oversizedBytes: number;
}

/** Share of one body in the budget. */
export interface BodyShare {
  heldBytes: number;
  progressBytes: number;
  progressedAt: number;
  /** Informs the reader of the body that its share was taken for another body. */
  readonly drop: () => void;
}

/** Growth that counts as progress: less would let a trickle of single bytes pass for a body on its way. */
const progressStepBytes = 64 * 1024;

/** An oversized body without progress for this time gives way to another one. */
const stalledMs = 2_000;

/**
 * Creates the budget that all bodies share. A caller can hold back the last byte of a body for as long as a request may take, without a
 * valid signature. So when the budget is full, incomplete bodies give way to one that makes progress, the one without progress for longest
 * first: a genuine webhook of the usual size is complete within milliseconds and finds room. A body that is complete is never dropped.
 */
export function createBodyBudget(limits: BodyLimits, clock: Pick<Clock, 'elapsed'>) {
  const { totalBytes, smallReserveBytes, smallBytes, oversizedBytes } = limits;
  /** In the order of their latest progress. */
  const incomplete = new Set<BodyShare>();
  let heldBytes = 0;
  let oversized: BodyShare | null = null;

  function setHeld(share: BodyShare, bytes: number): void {
    heldBytes += bytes - share.heldBytes;
    share.heldBytes = bytes;
  }

  function release(share: BodyShare): void {
    setHeld(share, 0);
    incomplete.delete(share);
    if (oversized === share) oversized = null;
  }

  function drop(share: BodyShare): void {
    release(share);
    share.drop();
  }

  function canTakeOversized(): boolean {
    if (!oversized) return true;
    return incomplete.has(oversized) && clock.elapsed() - oversized.progressedAt > stalledMs;
  }

  /** Drops bodies without progress for longer than this one, or none where that is not enough. Large bodies displace only large ones. */
  function makeRoom(share: BodyShare, missingBytes: number, isLarge: boolean): boolean {
    const displaced: BodyShare[] = [];
    let freedBytes = 0;
    for (const other of incomplete) {
      if (other === share) return false;
      if (other.heldBytes <= (isLarge ? smallBytes : 0)) continue;
      displaced.push(other);
      freedBytes += other.heldBytes;
      if (freedBytes < missingBytes) continue;
      displaced.forEach(drop);
      return true;
    }
    return false;
  }

  return {
    canTakeOversized,
    release,

    /** Creates the share of an incomplete body. */
    open(onDrop: () => void): BodyShare {
      return { heldBytes: 0, progressBytes: Number.NEGATIVE_INFINITY, progressedAt: 0, drop: onDrop };
    },

    /** Records the size of an incomplete body. */
    recordProgress(share: BodyShare, size: number): void {
      if (size < share.progressBytes + progressStepBytes) return;
      share.progressBytes = size;
      share.progressedAt = clock.elapsed();
      incomplete.delete(share);
      incomplete.add(share);
    },

    /** Charges a body with its size. @returns whether there is room for it */
    charge(share: BodyShare, size: number): boolean {
      if (share === oversized) return true;
      if (size > oversizedBytes) {
        if (!canTakeOversized()) return false;
        if (oversized) drop(oversized);
        setHeld(share, 0);
        oversized = share;
        return true;
      }
      const isLarge = size > smallBytes;
      const availableBytes = totalBytes - heldBytes - (isLarge ? smallReserveBytes : 0);
      const missingBytes = size - share.heldBytes - availableBytes;
      if (missingBytes > 0 && !makeRoom(share, missingBytes, isLarge)) return false;
      setHeld(share, size);
      return true;
    },

    /** Keeps a complete body from being dropped. */
    complete(share: BodyShare): void {
      incomplete.delete(share);
    },
  };
}
