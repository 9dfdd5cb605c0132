/** A fault of the simulated platform: it replaces the response to a call, or cuts it off. */
export interface Fault {
  operation: string;
  /** Calls that the fault hits; later ones pass. */
  times: number;
  /** Limits the fault to calls of this location or company. */
  resourceId?: string;
  effect:
    | { status: number; body?: unknown; headers?: Record<string, string> }
    /** A page of HTML, as a firewall or a proxy responds in HighLevel's place. */
    | { status: number; html: string }
    | { hang: true | 'after_handling' }
    | { cut: 'before_handling' | 'after_handling' }
    /** The call is handled as any other, once the promise resolves. */
    | { until: Promise<unknown> };
}

/** An effect on the response; a delay has ended. */
export type ResponseFault = Exclude<Fault['effect'], { until: unknown }>;

type Decider = (operation: string, resourceId: string | null, body: unknown) => Fault['effect'] | null;

export interface Faults {
  add(fault: Fault): void;
  /** Sets the function that decides about calls which no added fault hits. */
  decide(decider: Decider): void;
  clear(): void;
  /** Takes the fault that hits this call, if any; each call uses up one of its times. Resolves after a delay. */
  take(operation: string, resourceId: string | null, body?: unknown): Promise<ResponseFault | null>;
}

export function createFaults(): Faults {
  let pending: Fault[] = [];
  let currentDecider: Decider = () => null;

  function takeEffect(operation: string, resourceId: string | null, body: unknown): Fault['effect'] | null {
    const found = pending.find(
      (fault) => fault.operation === operation && (!fault.resourceId || fault.resourceId === resourceId),
    );
    if (!found) return currentDecider(operation, resourceId, body);
    found.times -= 1;
    if (found.times <= 0) pending = pending.filter((fault) => fault !== found);
    return found.effect;
  }

  return {
    add: (fault) => void pending.push({ ...fault }),
    decide(decider) {
      currentDecider = decider;
    },
    clear() {
      pending = [];
      currentDecider = () => null;
    },
    async take(operation, resourceId, body) {
      const effect = takeEffect(operation, resourceId, body);
      if (effect === null || !('until' in effect)) return effect;
      await effect.until;
      return null;
    },
  };
}
