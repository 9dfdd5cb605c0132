/** What happens to a call instead of what it asked for, or besides it. */
export interface Fault {
  operation: string;
  /** How many calls it takes; the rest go through. */
  times: number;
  /** Only calls of this location or company. */
  resourceId?: string;
  does:
    | { answer: number; body?: unknown; headers?: Record<string, string> }
    | { hang: true | 'after the work' }
    | { cut: 'before the work' | 'after the work' };
}

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  /** The fault that meets this call, if any; it is used up by one. */
  take(operation: string, resourceId: string | null): Fault['does'] | null;
}

export function faultList(): Faults {
  let waiting: Fault[] = [];
  return {
    add: (fault) => void waiting.push({ ...fault }),
    clear() {
      waiting = [];
    },
    take(operation, resourceId) {
      const found = waiting.find(
        (fault) => fault.operation === operation && (!fault.resourceId || fault.resourceId === resourceId),
      );
      if (!found) return null;
      found.times -= 1;
      if (found.times <= 0) waiting = waiting.filter((fault) => fault !== found);
      return found.does;
    },
  };
}
