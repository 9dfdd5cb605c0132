/** Reason why the platform refused a call. The first five are the app's own fault. */
export type Refusal =
  | 'schema'
  | 'version'
  | 'rate'
  | 'scope'
  | 'unknown_endpoint'
  | 'token'
  | 'too_early'
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
  responseBody: string;
}

export interface CallLog {
  all: Call[];
  listByOperation(operation: string): Call[];
  /** Lists calls that a correct app never makes. */
  listViolations(): Call[];
}

const violationRefusals: readonly (Refusal | null)[] = ['schema', 'version', 'rate', 'scope', 'unknown_endpoint'];

const maxCalls = 10_000;

/** Creates a log of every call, the newest ten thousand; violations stay however many calls follow them. */
export function createCallLog(): CallLog & { add(call: Call): void } {
  const all: Call[] = [];
  const droppedViolations: Call[] = [];
  const isViolation = ({ refusal }: Call) => violationRefusals.includes(refusal);
  return {
    all,
    listByOperation: (operation) => all.filter((call) => call.operation === operation),
    listViolations: () => [...droppedViolations, ...all.filter(isViolation)],
    add(call) {
      all.push(call);
      const dropped = all.length > maxCalls ? all.shift() : undefined;
      if (dropped && isViolation(dropped)) droppedViolations.push(dropped);
    },
  };
}
