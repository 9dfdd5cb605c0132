/** Why the platform refused a call. The first five are the app's own fault. */
export type Refusal =
  | 'shape'
  | 'version'
  | 'rate'
  | 'scope'
  | 'unknown endpoint'
  | 'token'
  | 'too early'
  | 'state'
  | 'denied'
  | 'fault';

export interface Call {
  operation: string;
  method: string;
  path: string;
  /** The location or company whose token was used. */
  resourceId: string | null;
  at: number;
  status: number;
  refusal: Refusal | null;
  body: unknown;
  said: string;
}

export interface CallLog {
  all: Call[];
  of(operation: string): Call[];
  /** Calls that a correct app never makes. */
  violations(): Call[];
}

const appsFault: readonly (Refusal | null)[] = ['shape', 'version', 'rate', 'scope', 'unknown endpoint'];

const keptAtMost = 10_000;

/** A log of every call, the newest ten thousand; violations are kept however many calls follow them. */
export function callLog(): CallLog & { add(call: Call): void } {
  const all: Call[] = [];
  const droppedViolations: Call[] = [];
  const isViolation = ({ refusal }: Call) => appsFault.includes(refusal);
  return {
    all,
    of: (operation) => all.filter((call) => call.operation === operation),
    violations: () => [...droppedViolations, ...all.filter(isViolation)],
    add(call) {
      all.push(call);
      const dropped = all.length > keptAtMost ? all.shift() : undefined;
      if (dropped && isViolation(dropped)) droppedViolations.push(dropped);
    },
  };
}
