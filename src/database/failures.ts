interface Failure {
  code?: string;
  message?: string;
  meta?: { driverAdapterError?: { cause?: { kind?: string; originalCode?: string } } };
}

/** PostgreSQL's own code. The embedded database's adapter gives it where Prisma has codes of its own, which are alike in length only. */
function sqlStateOf({ code, meta }: Failure): string {
  return meta?.driverAdapterError?.cause?.originalCode ?? code ?? '';
}

/** Whether a value can't be stored, as it is malformed or too long: SQLSTATE classes 22 and 54. */
export function isUnstorable(error: unknown): boolean {
  return /^(22|54)/.test(sqlStateOf((error ?? {}) as Failure));
}

/** Whether a statement failed for what it was to write, a value or a row beside others (class 23), not for the database's own state. */
export function isBadData(error: unknown): boolean {
  return isUnstorable(error) || sqlStateOf((error ?? {}) as Failure).startsWith('23');
}

/** What Prisma, its adapter and PostgreSQL call it when the server is away, starting, full, or broke off for another's sake. */
const unavailableCodes = ['P1001', 'P1002', 'P1017', 'P2024', 'P2028'];
const unavailableKinds = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'];
/**
 * SQLSTATE: connections (08), a transaction that gave way to another (40), resources (53), an operator's hand or a shutdown (57), the
 * system below (58), a server that is read-only as in a failover (25006), a transaction that was silent too long (25P03), a lock that
 * did not come in time (55P03).
 */
const unavailableStates = /^(08|40|53|57|58|25006|25P03|55P03)/;
/** What node-postgres says when a session breaks while it is being made: it has no code. */
const unavailableWords = /^(Connection terminated|timeout exceeded when trying to connect)/;

/** Whether a statement failed for the database's own state, so that it would do later. */
export function isUnavailable(error: unknown): boolean {
  const failure = (error ?? {}) as Failure;
  const { code = '', message = '', meta } = failure;
  return (
    unavailableCodes.includes(code) ||
    unavailableKinds.includes(meta?.driverAdapterError?.cause?.kind ?? '') ||
    unavailableStates.test(sqlStateOf(failure)) ||
    unavailableWords.test(message)
  );
}
