import { type Actor, audit } from '../../audit/audit-log.ts';
import { maxChars } from '../../core/bounds.ts';
import { dateNow } from '../../core/clock.ts';
import { type CsvRow, readCsv } from '../../core/csv.ts';
import { formatCount } from '../../core/format-count.ts';
import { isStorable, truncate } from '../../core/sanitize.ts';
import type { Executor } from '../../database/client.ts';
import { recordEvents } from '../../outbox/record-events.ts';
import {
  type LedgerEntry,
  listLedgerSpellings,
  lockAddresses,
  toLedgerAddress,
  toLedgerKey,
  toOutboxEvent,
  writeEntry,
} from './ledger.ts';
import type { RecordOptOutDeps } from './record.ts';

export type ImportErrorCode = 'address_missing' | 'address_invalid' | 'reason_invalid' | 'too_many_rows';

/** A row that was not imported. */
export interface ImportError {
  readonly line: number;
  readonly code: ImportErrorCode;
  /** Start of the cell in question. */
  readonly value: string;
}

export interface ImportResult {
  rowCount: number;
  addedCount: number;
  /** Rows of addresses that had opted out before, or that stand in the file twice. */
  knownCount: number;
  errorCount: number;
  /** The first of them. */
  errors: ImportError[];
}

/** HighLevel's do-not-disturb of each new opt-out takes three calls of the day's quota. */
const maxImportRows = 10_000;
const maxListedErrors = 100;
const maxReasonChars = 200;
const maxValueChars = 60;
const batchRows = 500;
const addressNames = ['address', 'phone', 'phone number', 'email', 'email address'];
const reasonNames = ['reason', 'note'];

export interface ImportOptions {
  /** Reason of rows without one. */
  readonly reason: string;
  /** New opt-outs start the workflows with the trigger *Opted out*: off unless a person asks, as a file may have thousands. */
  readonly startTriggers?: boolean | undefined;
}

/** Positions of the columns in a row. */
interface Columns {
  address: readonly number[];
  reason: number;
}

interface ReadRow {
  address: string;
  messageType: 'sms' | 'email';
  reason: string;
}

/**
 * Imports opt-outs from CSV: an address and, if given, a reason in each row. The first row may name the columns. Rows with errors are
 * listed and skipped; the others are stored in batches, each in a transaction, so that a broken upload keeps what it has stored, and a
 * repeat of the file adds no row twice.
 */
export async function importOptOuts(
  deps: RecordOptOutDeps,
  locationId: string,
  parts: AsyncIterable<string>,
  { reason: defaultReason, startTriggers = false }: ImportOptions,
  actor: Actor,
): Promise<ImportResult> {
  const result: ImportResult = { rowCount: 0, addedCount: 0, knownCount: 0, errorCount: 0, errors: [] };
  let columns: Columns | null = null;
  let batch: ReadRow[] = [];
  const refuse = (error: ImportError) => {
    result.errorCount++;
    if (result.errors.length < maxListedErrors) result.errors.push(error);
  };
  const store = async () => {
    const addedCount = await storeBatch(deps, locationId, batch, { actor, startTriggers });
    result.addedCount += addedCount;
    result.knownCount += batch.length - addedCount;
    batch = [];
  };

  for await (const row of readCsv(parts)) {
    if (columns === null) {
      columns = findColumns(row);
      if (columns) continue;
      columns = { address: [0], reason: 1 };
    }
    if (result.rowCount >= maxImportRows) {
      refuse({ line: row.line, code: 'too_many_rows', value: '' });
      break;
    }
    result.rowCount++;
    const read = await readRow(deps, locationId, row, columns, defaultReason);
    if ('code' in read) refuse({ ...read, line: row.line, value: truncate(read.value, maxValueChars) });
    else batch.push(read);
    if (batch.length >= batchRows) await store();
  }
  await store();
  const details = `${result.addedCount} added, ${result.knownCount} known, ${formatCount(result.errorCount, 'error')}.`;
  await audit(deps.db.client, deps, { actor, action: 'opt_outs_imported', locationId, details });
  return result;
}

/** Finds the columns in a first row that names them. @returns null for a first row that is an entry already */
function findColumns({ cells }: CsvRow): Columns | null {
  const names = cells.map((cell) => cell.trim().toLowerCase().replaceAll('_', ' '));
  const address = names.flatMap((name, index) => (addressNames.includes(name) ? [index] : []));
  return address.length === 0 ? null : { address, reason: names.findIndex((name) => reasonNames.includes(name)) };
}

async function readRow(
  deps: RecordOptOutDeps,
  locationId: string,
  { cells }: CsvRow,
  columns: Columns,
  defaultReason: string,
): Promise<ReadRow | Omit<ImportError, 'line'>> {
  const given = columns.address.map((index) => cells[index]?.trim() ?? '').find((cell) => cell !== '');
  if (!given) return { code: 'address_missing', value: '' };
  if (given.length > maxChars.address || !isStorable(given)) return { code: 'address_invalid', value: toPrintable(given) };
  const { address, kind } = await deps.readAddress(locationId, given);
  // A vendor's id of a person means one on its own connection alone.
  if (kind === 'other') return { code: 'address_invalid', value: given };
  const reason = cells[columns.reason]?.trim() || defaultReason;
  if (!isStorable(reason)) return { code: 'reason_invalid', value: toPrintable(reason) };
  return {
    address: toLedgerAddress(address),
    messageType: kind === 'email' ? 'email' : 'sms',
    reason: truncate(reason, maxReasonChars),
  };
}

function toPrintable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}]/gu, '\ufffd');
}

/** Stores a batch in one transaction. @returns the number of addresses that had not opted out */
async function storeBatch(
  deps: RecordOptOutDeps,
  locationId: string,
  batch: readonly ReadRow[],
  { actor, startTriggers }: { actor: Actor; startTriggers: boolean },
): Promise<number> {
  const rows = [...new Map(batch.map((row) => [toLedgerKey(row.address), row])).values()];
  if (rows.length === 0) return 0;
  const isUser = typeof actor !== 'string';
  const addresses = rows.map(({ address }) => address);
  return deps.db.transaction(async (tx) => {
    await lockAddresses(tx, locationId, addresses);
    const isOptedOut = await loadLedger(tx, locationId, addresses);
    const now = dateNow(deps.clock);
    const toEntry = (row: ReadRow): LedgerEntry => ({
      ...{ ...row, locationId, optedOut: true, category: 'all', connectionId: null, occurredAt: now },
      source: isUser ? 'user' : 'operator',
      by: isUser ? actor.userId : actor,
      isSilent: !startTriggers,
    });
    const entries = rows.filter(({ address }) => isOptedOut.get(toLedgerKey(address)) !== true).map(toEntry);
    // Most addresses are new to the ledger: one statement stores all of them.
    const unknown = entries.filter(({ address }) => !isOptedOut.has(toLedgerKey(address)));
    await tx.optOut.createMany({
      data: unknown.map(({ address, messageType, reason, source, by }) => ({
        ...{ id: deps.newId(), locationId, address, messageType, reason, source, addedBy: by },
        ...{ startedAt: now, confirmedAt: now, mirrorDueAt: now },
      })),
    });
    if (startTriggers) await recordEvents(tx, unknown.map(toOutboxEvent), now);
    for (const entry of entries) if (isOptedOut.has(toLedgerKey(entry.address))) await writeEntry(tx, deps, entry);
    return entries.length;
  });
}

/** Loads which addresses the ledger knows, by their keys, and whether they have opted out of all messages other than by HighLevel's do-not-disturb. */
async function loadLedger(tx: Executor, locationId: string, addresses: string[]): Promise<Map<string, boolean>> {
  const spellings = addresses.flatMap(listLedgerSpellings);
  const rows = await tx.$queryRaw<{ address: string; isOptedOut: boolean }[]>`
    SELECT address, bool_or(lifted_at IS NULL AND category = 'all' AND source <> 'highlevel') AS "isOptedOut"
    FROM opt_outs WHERE location_id = ${locationId} AND address = ANY (${spellings}::text[]) GROUP BY address ORDER BY 2`;
  // An opt-out under one spelling wins, as it is the last one.
  return new Map(rows.map(({ address, isOptedOut }) => [toLedgerKey(address), isOptedOut]));
}
