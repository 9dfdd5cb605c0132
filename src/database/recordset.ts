/** Columns of rows that a statement receives as JSON: the SQL type of each, by name. */
export type RecordsetColumns = Readonly<Record<string, string>>;

/** The TypeScript type of a JSON value for a SQL type. An enum of the database and types that are not listed take text. */
type Cell<Type extends string> = Type extends `${infer Item}[]`
  ? readonly Cell<Item>[] | null
  : Type extends 'smallint' | 'int' | 'bigint' | 'float8'
    ? number | null
    : Type extends 'boolean'
      ? boolean | null
      : Type extends 'timestamptz' | 'date'
        ? Date | string | null
        : Type extends 'json' | 'jsonb'
          ? unknown
          : string | null;

/** One row for a statement that reads {@link recordset}: a value for each column; null and undefined become NULL. */
export type RecordsetRow<Columns extends RecordsetColumns> = {
  readonly [Name in keyof Columns]: Cell<Columns[Name]> | undefined;
};

/**
 * Returns the SQL that reads rows from a JSON parameter, for use after FROM or JOIN. One column map yields the column list and the type
 * of the rows, so that SQL and TypeScript cannot drift.
 *
 * @example recordset('$1', { id: 'uuid', groupKey: 'text' }, 'row') // json_to_recordset($1::json) AS row ("id" uuid, "groupKey" text)
 *
 * @param source a parameter, or a query in parentheses that yields JSON
 * @param alias the name under which the statement refers to the rows
 */
export function recordset(source: string, columns: RecordsetColumns, alias = 'x'): string {
  const list = Object.entries(columns).map(([name, type]) => `"${name}" ${type}`);
  return `json_to_recordset(${source}::json) AS ${alias} (${list.join(', ')})`;
}

/** Serializes rows for the JSON parameter of a statement that reads them by {@link recordset} with the same columns. */
export function toRecordsetJson<const Columns extends RecordsetColumns>(
  _columns: Columns,
  rows: readonly RecordsetRow<Columns>[],
): string {
  return JSON.stringify(rows);
}
