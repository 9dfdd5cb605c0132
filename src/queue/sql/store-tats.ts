import type { SqlExecutor } from '../../database/client.ts';
import { type RecordsetRow, recordset, toRecordsetJson } from '../../database/recordset.ts';

const tatColumns = { groupKey: 'text', tat: 'timestamptz' } as const;

const storeTatsSql = `UPDATE rate_limits SET tat_at = t.tat FROM ${recordset('$1', tatColumns, 't')} WHERE key = t."groupKey"`;

/** Stores the theoretical arrival times of groups after a claim; the caller holds their locks. */
export async function storeTats(tx: SqlExecutor, tats: readonly RecordsetRow<typeof tatColumns>[]): Promise<void> {
  if (tats.length > 0) await tx.$executeRawUnsafe(storeTatsSql, toRecordsetJson(tatColumns, tats));
}
