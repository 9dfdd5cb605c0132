interface DatabaseFailure {
  code?: string;
  message?: string;
  syscall?: string;
  isAxiosError?: boolean;
  meta?: { driverAdapterError?: { cause?: { kind?: string; originalCode?: string } } };
}

/** PostgreSQL's own code. The embedded database's adapter gives it where Prisma has codes of its own, which are alike in length only. */
function getSqlState({ code, meta }: DatabaseFailure): string {
  return meta?.driverAdapterError?.cause?.originalCode ?? code ?? '';
}

/** Whether a value can't be stored, as it is malformed or too long: SQLSTATE classes 22 and 54. */
export function isInvalidValue(error: unknown): boolean {
  return /^(22|54)/.test(getSqlState((error ?? {}) as DatabaseFailure));
}

/** Whether a statement failed for what it was to write, a value or a row beside others (class 23), not for the database's own state. */
export function isDataError(error: unknown): boolean {
  return isInvalidValue(error) || getSqlState((error ?? {}) as DatabaseFailure).startsWith('23');
}

/** Prisma's and its adapter's own names for a server that is away, starting, full, or broke off for another's sake. */
const unavailableCodes = ['P1001', 'P1002', 'P1017', 'P2024', 'P2028'];
const unavailableKinds = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'];

/**
 * The SQLSTATEs of an outage, whole classes wherever every code of a class passes by itself. A statement that fails with one of them does
 * later, unchanged.
 */
const unavailableStates: readonly { readonly state: RegExp; readonly meaning: string }[] = [
  { state: /^08/, meaning: 'the connection broke, or a pooler refused it' },
  { state: /^25006$/, meaning: 'the server is read-only: a failover, or a disk that is nearly full' },
  { state: /^25P03$/, meaning: 'the transaction was idle for too long' },
  { state: /^40/, meaning: 'the transaction was rolled back for the sake of another' },
  { state: /^53/, meaning: 'disk, memory or connections are used up' },
  { state: /^55P03$/, meaning: 'a lock was not to be had in time' },
  { state: /^57/, meaning: 'the server stops, starts, or cancelled the statement' },
  { state: /^58/, meaning: 'the server’s disk or system fails' },
];

/** Errors of a socket that the adapter hands on as they are. */
const socketCodes =
  /^E(AI_AGAIN|CONNABORTED|CONNREFUSED|CONNRESET|HOSTDOWN|HOSTUNREACH|NETDOWN|NETUNREACH|NOTFOUND|PIPE|TIMEDOUT)$/;
/** The texts of node-postgres for a session that breaks while it is made, or between two statements: they have no code. */
const unavailableMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered a connection error|was closed) and is not queryable)/m;

/** Returns whether a statement failed for the database's own state, so that it would do later. */
export function isUnavailable(error: unknown): boolean {
  const failure = (error ?? {}) as DatabaseFailure;
  const { code = '', message = '', meta } = failure;
  const state = getSqlState(failure);
  return (
    unavailableCodes.includes(code) ||
    unavailableKinds.includes(meta?.driverAdapterError?.cause?.kind ?? '') ||
    (state.length === 5 && unavailableStates.some((outage) => outage.state.test(state))) ||
    isSocketError(failure) ||
    unavailableMessages.test(message)
  );
}

/** Returns whether the server has no connection left for us, or a pooler before it. */
export function isOutOfConnections(error: unknown): boolean {
  const failure = (error ?? {}) as DatabaseFailure;
  return (
    getSqlState(failure) === '53300' ||
    (getSqlState(failure).startsWith('08') && /too many|no more connections/i.test(failure.message ?? ''))
  );
}

/** Returns whether a transaction did not get a lock in time, or was the one to give way. */
export function isLockFailure(error: unknown): boolean {
  return ['55P03', '40P01'].includes(getSqlState((error ?? {}) as DatabaseFailure));
}

/** Returns whether the server refused a write because it is read-only at present. */
export function isReadOnly(error: unknown): boolean {
  return getSqlState((error ?? {}) as DatabaseFailure) === '25006';
}

/** Other hosts' sockets fail too: those errors carry the request that they were of. */
function isSocketError({ code = '', syscall, isAxiosError }: DatabaseFailure): boolean {
  return socketCodes.test(code) && syscall !== undefined && !isAxiosError;
}
