interface Failure {
  code?: string;
  message?: string;
  syscall?: string;
  isAxiosError?: boolean;
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

/** Prisma's and its adapter's own names for a server that is away, starting, full, or broke off for another's sake. */
const unavailableCodes = ['P1001', 'P1002', 'P1017', 'P2024', 'P2028'];
const unavailableKinds = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'];

/**
 * The SQLSTATEs of an outage, whole classes wherever every code of a class passes by itself. A statement that fails with one of them does
 * later, unchanged.
 */
const unavailableStates: readonly { readonly state: RegExp; readonly means: string }[] = [
  { state: /^08/, means: 'the connection broke, or a pooler refused it' },
  { state: /^25006$/, means: 'the server is read-only: a failover, or a disk that is nearly full' },
  { state: /^25P03$/, means: 'the transaction was idle for too long' },
  { state: /^40/, means: 'the transaction was rolled back for the sake of another' },
  { state: /^53/, means: 'disk, memory or connections are used up' },
  { state: /^55P03$/, means: 'a lock was not to be had in time' },
  { state: /^57/, means: 'the server stops, starts, or cancelled the statement' },
  { state: /^58/, means: 'the server’s disk or system fails' },
];

/** Errors of a socket that the adapter hands on as they are. */
const socketCodes =
  /^E(AI_AGAIN|CONNABORTED|CONNREFUSED|CONNRESET|HOSTDOWN|HOSTUNREACH|NETDOWN|NETUNREACH|NOTFOUND|PIPE|TIMEDOUT)$/;
/** The texts of node-postgres for a session that breaks while it is made, or between two statements: they have no code. */
const unavailableWords =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered a connection error|was closed) and is not queryable)/m;

/** Returns whether a statement failed for the database's own state, so that it would do later. */
export function isUnavailable(error: unknown): boolean {
  const failure = (error ?? {}) as Failure;
  const { code = '', message = '', meta } = failure;
  const state = sqlStateOf(failure);
  return (
    unavailableCodes.includes(code) ||
    unavailableKinds.includes(meta?.driverAdapterError?.cause?.kind ?? '') ||
    (state.length === 5 && unavailableStates.some((outage) => outage.state.test(state))) ||
    isSocketError(failure) ||
    unavailableWords.test(message)
  );
}

/** Returns whether the server has no connection left for us, or a pooler before it. */
export function isOutOfConnections(error: unknown): boolean {
  const failure = (error ?? {}) as Failure;
  return (
    sqlStateOf(failure) === '53300' ||
    (sqlStateOf(failure).startsWith('08') && /too many|no more connections/i.test(failure.message ?? ''))
  );
}

/** Returns whether a transaction did not get a lock in time, or was the one to give way. */
export function isLockFailure(error: unknown): boolean {
  return ['55P03', '40P01'].includes(sqlStateOf((error ?? {}) as Failure));
}

/** Returns whether the server refused a write because it is read-only at present. */
export function isReadOnly(error: unknown): boolean {
  return sqlStateOf((error ?? {}) as Failure) === '25006';
}

/** Other hosts' sockets fail too: those errors carry the request that they were of. */
function isSocketError({ code = '', syscall, isAxiosError }: Failure): boolean {
  return socketCodes.test(code) && syscall !== undefined && !isAxiosError;
}
