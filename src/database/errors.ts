interface AdapterCause {
  kind?: string;
  originalCode?: string;
  originalMessage?: string;
}

interface DatabaseFailure {
  name?: string;
  code?: string;
  message?: string;
  /** Function of the server that has raised it. */
  routine?: string;
  syscall?: string;
  isAxiosError?: boolean;
  meta?: { driverAdapterError?: { cause?: AdapterCause } };
  cause?: unknown;
}

/** Returns what the adapter says of a failure: Prisma wraps its errors, and within a transaction passes some on as they are. */
function getAdapterCause({ name, meta, cause }: DatabaseFailure): AdapterCause | undefined {
  return meta?.driverAdapterError?.cause ?? (name === 'DriverAdapterError' ? ((cause ?? {}) as AdapterCause) : undefined);
}

/**
 * Returns PostgreSQL's own code. The embedded database's adapter has it where Prisma has codes of its own, which are alike in length only.
 */
function getSqlState(failure: DatabaseFailure): string {
  return getAdapterCause(failure)?.originalCode ?? failure.code ?? '';
}

/** Tables, columns, types and functions that a statement names and the database does not have. */
const undefinedNames = ['42P01', '42703', '42704', '42883'];

/** Returns whether a statement failed as the database's tables, columns or enum values are not those that this program knows. */
export function isSchemaMismatch(error: unknown): boolean {
  const failure = (error ?? {}) as DatabaseFailure;
  const state = getSqlState(failure);
  const message = getAdapterCause(failure)?.originalMessage ?? failure.message ?? '';
  return undefinedNames.includes(state) || (state === '22P02' && message.includes('invalid input value for enum'));
}

/** Returns whether a value is malformed or too long to be stored: SQLSTATE classes 22 and 54. */
export function isInvalidValue(error: unknown): boolean {
  if (isSchemaMismatch(error)) return false;
  return /^(22|54)/.test(getSqlState((error ?? {}) as DatabaseFailure));
}

/** Returns whether a statement failed because of its data, a value or a conflicting row (class 23), not because of the database's state. */
export function isDataError(error: unknown): boolean {
  return isInvalidValue(error) || getSqlState((error ?? {}) as DatabaseFailure).startsWith('23');
}

/** Prisma's and its adapter's own names for a server that is away, starting, full, or that aborted the transaction in favour of another. */
const unavailableCodes = ['P1001', 'P1002', 'P1017', 'P2024', 'P2028'];
const unavailableKinds = ['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'];

/**
 * SQLSTATEs of an outage, whole classes wherever every code of a class is temporary. A statement that fails with one of them succeeds
 * later, unchanged.
 */
const unavailableStates: readonly { readonly state: RegExp; readonly meaning: string }[] = [
  { state: /^08/, meaning: 'the connection broke, or a pooler refused it' },
  { state: /^25006$/, meaning: 'the server is read-only: a failover, or a disk that is nearly full' },
  { state: /^25P03$/, meaning: 'the transaction was idle for too long' },
  { state: /^40/, meaning: 'the transaction was rolled back in favour of another' },
  { state: /^53/, meaning: 'disk, memory or connections are used up' },
  { state: /^55P03$/, meaning: 'a lock could not be acquired in time' },
  { state: /^57/, meaning: 'the server stops, starts, or cancelled the statement' },
  { state: /^58/, meaning: 'the server’s disk or system fails' },
];

/** Socket errors that the adapter passes on unchanged. */
const socketCodes =
  /^E(AI_AGAIN|CONNABORTED|CONNREFUSED|CONNRESET|HOSTDOWN|HOSTUNREACH|NETDOWN|NETUNREACH|NOTFOUND|PIPE|TIMEDOUT)$/;
/** Texts of node-postgres for a session that breaks while it is opened, or between two statements: these errors have no code. */
const unavailableMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered a connection error|was closed) and is not queryable)/m;

/** Returns whether a statement failed because of the state of the database or of its session, so that it would succeed later. */
export function isUnavailable(error: unknown): boolean {
  const failure = (error ?? {}) as DatabaseFailure;
  const { code = '', message = '' } = failure;
  const state = getSqlState(failure);
  return (
    unavailableCodes.includes(code) ||
    unavailableKinds.includes(getAdapterCause(failure)?.kind ?? '') ||
    (state.length === 5 && unavailableStates.some((outage) => outage.state.test(state))) ||
    isSocketError(failure) ||
    isStatementUnknown(error) ||
    isPlanOutdated(error) ||
    unavailableMessages.test(message)
  );
}

/** Returns whether the server, or a pooler before it, has no connection left for us. */
export function isOutOfConnections(error: unknown): boolean {
  const failure = (error ?? {}) as DatabaseFailure;
  return (
    getSqlState(failure) === '53300' ||
    (getSqlState(failure).startsWith('08') && /too many|no more connections/i.test(failure.message ?? ''))
  );
}

/** Returns whether a transaction did not get a lock in time, or was the victim of a deadlock. */
export function isLockFailure(error: unknown): boolean {
  return ['55P03', '40P01'].includes(getSqlState((error ?? {}) as DatabaseFailure));
}

/** Returns whether the server refused a write because it is read-only at present. */
export function isReadOnly(error: unknown): boolean {
  return getSqlState((error ?? {}) as DatabaseFailure) === '25006';
}

/** Returns whether the session does not have a statement that it should have kept, or has another one by that name. */
export function isStatementUnknown(error: unknown): boolean {
  return ['26000', '42P05'].includes(getSqlState((error ?? {}) as DatabaseFailure));
}

/** Returns whether a kept statement yields other types than when it was kept, as after a migration. Its words depend on the server's language. */
export function isPlanOutdated(error: unknown): boolean {
  const failure = (error ?? {}) as DatabaseFailure;
  return getSqlState(failure) === '0A000' && failure.routine === 'RevalidateCachedQuery';
}

/** Distinguishes the database's sockets from those of other hosts: errors of the latter carry their request. */
function isSocketError({ code = '', syscall, isAxiosError }: DatabaseFailure): boolean {
  return socketCodes.test(code) && syscall !== undefined && !isAxiosError;
}
