/** What happens to a call instead of what it asked for, or besides it. */
export interface Fault {
  operation: string;
  /** How many calls it takes; the rest go through. */
  times: number;
  /** Only calls of this location or company. */
  resourceId?: string;
  effect:
    | { status: number; body?: unknown; headers?: Record<string, string> }
    /** A page of HTML, as a firewall or a proxy answers in HighLevel's place. */
    | { answer: number; html: string }
    | { hang: true | 'after_handling' }
    | { cut: 'before_handling' | 'after_handling' };
}

type Decider = (operation: string, resourceId: string | null, body: unknown) => Fault['effect'] | null;

export interface Faults {
  add(fault: Fault): void;
  /** Says of each call that none of the added faults meets what happens to it. */
  decide(decider: Decider): void;
  clear(): void;
  /** The fault that meets this call, if any; it is used up by one. */
  take(operation: string, resourceId: string | null, body?: unknown): Fault['effect'] | null;
}

export function createFaults(): Faults {
  let pending: Fault[] = [];
  let currentDecider: Decider = () => null;
  return {
    add: (fault) => void pending.push({ ...fault }),
    decide(decider) {
      currentDecider = decider;
    },
    clear() {
      pending = [];
      currentDecider = () => null;
    },
    take(operation, resourceId, body) {
      const found = pending.find(
        (fault) => fault.operation === operation && (!fault.resourceId || fault.resourceId === resourceId),
      );
      if (!found) return currentDecider(operation, resourceId, body);
      found.times -= 1;
      if (found.times <= 0) pending = pending.filter((fault) => fault !== found);
      return found.effect;
    },
  };
}
