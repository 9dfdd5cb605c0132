import type { SqlExecutor } from './client.ts';

/**
 * The properties of a row that its JSON holds in another form: a time is text, and a list may be null where a column was never set. The type
 * demands each of them.
 */
export type JsonForms<Row> = {
  readonly [Key in keyof Row as FormOf<Row[Key]> extends never ? never : Key]-?: FormOf<Row[Key]>;
};

type FormOf<Value> = [Value] extends [Date | null] ? 'time' : [Value] extends [readonly unknown[]] ? 'list' : never;

/**
 * Queries rows as one JSON text: parsing it is many times cheaper than mapping each cell, which counts for rows that are read for every
 * message.
 *
 * @param query yields columns under the names of `Row`
 */
export async function queryJsonRows<Row>(
  on: SqlExecutor,
  query: string,
  values: readonly unknown[],
  forms: JsonForms<Row>,
): Promise<Row[]> {
  const [found] = await on.$queryRawUnsafe<{ rows: string | null }[]>(
    `SELECT json_agg(rows)::text AS rows FROM (${query}) AS rows`,
    ...values,
  );
  const rows = JSON.parse(found?.rows ?? '[]') as Row[];
  const converted = Object.entries(forms) as [keyof Row, 'time' | 'list'][];
  for (const row of rows) {
    for (const [name, form] of converted) row[name] = toValue(row[name], form) as Row[keyof Row];
  }
  return rows;
}

function toValue(value: unknown, form: 'time' | 'list'): unknown {
  if (form === 'list') return value ?? [];
  return value === null ? null : new Date(value as string);
}

/** Lists columns for a SELECT, each under the name of its property. @param table where two tables have a column of that name */
export function toSelectList(properties: readonly string[], table?: string): string {
  const prefix = table === undefined ? '' : `${table}.`;
  return properties.map((name) => `${prefix}"${toSnakeCase(name)}" AS "${name}"`).join(', ');
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
