import { AsyncLocalStorage } from 'node:async_hooks';
import { isDate } from 'node:util/types';
import { Prisma } from '../../prisma/generated/client.ts';
import { override } from './override.ts';

/** Runs one statement by the driver. @returns its rows, and the number of rows that it has read or written */
export type RunStatement = (sql: string, values: unknown[]) => Promise<{ rows: unknown[]; count: number }>;

type Executor = Prisma.TransactionClient;

/** Target of statements that are SQL already. */
export type SqlExecutor = Pick<Executor, '$queryRaw' | '$queryRawUnsafe' | '$executeRaw' | '$executeRawUnsafe'>;

/** Makes statements go straight to the driver. Unlike Prisma's, they start before they are awaited. */
export function toSqlExecutor(run: RunStatement): SqlExecutor {
  const $queryRawUnsafe = async (sql: string, ...values: unknown[]) => (await run(sql, values.map(toParameter))).rows;
  const $executeRawUnsafe = async (sql: string, ...values: unknown[]) => (await run(sql, values.map(toParameter))).count;
  const members = {
    $queryRawUnsafe,
    $executeRawUnsafe,
    $queryRaw: (query: Query, ...values: unknown[]) => $queryRawUnsafe(...toStatement(query, values)),
    $executeRaw: (query: Query, ...values: unknown[]) => $executeRawUnsafe(...toStatement(query, values)),
  };
  return members as unknown as SqlExecutor;
}

/**
 * Makes the statements of a client that are SQL already go straight to the driver: Prisma converts their parameters and rows several times
 * over, and takes three times the processor time. Queries of its models stay as they are.
 */
export function withDriverStatements<Client extends Executor>(client: Client, run: RunStatement): Client {
  return override<Executor>(client, toSqlExecutor(run)) as Client;
}

/** Writes a time as the text that Prisma sends: a driver would write it in the time zone of the process, of which a `date` is another day. */
function toParameter(value: unknown): unknown {
  if (isDate(value)) return value.toISOString();
  return Array.isArray(value) ? value.map(toParameter) : value;
}

type Query = TemplateStringsArray | Prisma.Sql;

function toStatement(query: Query, values: unknown[]): [string, ...unknown[]] {
  const sql = query instanceof Prisma.Sql ? query : Prisma.sql(query, ...values);
  return [sql.text, ...sql.values];
}

/** Transaction that Prisma opens or has opened. */
interface OpenTransaction {
  isOpened: boolean;
  /** Null when it has ended, as one does that takes too long: its session may be another transaction's by then. */
  run: RunStatement | null;
}

/** Prisma keeps the session of a transaction to itself. The driver, which Prisma asks for it, knows by this for which transaction it is. */
const opening = new AsyncLocalStorage<OpenTransaction>();

/** Runs a transaction of Prisma's in which statements go straight to the driver, on the session that {@link recordSession} has recorded. */
export function runTransaction<T>(
  open: (work: (tx: Executor) => Promise<T>) => Promise<T>,
  work: (tx: Executor) => Promise<T>,
): Promise<T> {
  const transaction: OpenTransaction = { isOpened: false, run: null };
  return opening.run(transaction, () =>
    open((tx) => work(withDriverStatements(tx, async (sql, values) => (transaction.run ?? (await refuse(tx)))(sql, values)))),
  );
}

/** Lets Prisma say why a transaction without a session runs no statement. */
async function refuse(tx: Executor): Promise<never> {
  await tx.$queryRaw`SELECT 1`;
  throw new Error('A transaction has no session.');
}

/** Records the first session that is acquired for a transaction. @returns a function to call when it is released */
export function recordSession(run: RunStatement): () => void {
  const transaction = opening.getStore();
  if (!transaction || transaction.isOpened) return () => {};
  Object.assign(transaction, { isOpened: true, run });
  return () => {
    transaction.run = null;
  };
}
