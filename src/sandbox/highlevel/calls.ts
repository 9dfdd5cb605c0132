/** Why the platform refused a call. The first five are the app's own fault. */
export type Refusal = 'shape' | 'version' | 'rate' | 'scope' | 'unknown endpoint' | 'token' | 'too early' | 'state' | 'fault';

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

/** A log of every call, the newest ten thousand. */
export function callLog(): CallLog & { add(call: Call): void } {
  const all: Call[] = [];
  return {
    all,
    of: (operation) => all.filter((call) => call.operation === operation),
    violations: () => all.filter((call) => appsFault.includes(call.refusal)),
    add(call) {
      all.push(call);
      if (all.length > 10_000) all.shift();
    },
  };
}
