/**
 * Cuts a page out of rows that were queried with one row more than the page has: the extra row shows whether there is a next page.
 *
 * @param toCursor returns the start of the next page from the last item of this one
 */
export function paginate<Row>(rows: readonly Row[], limit: number, toCursor: (last: Row) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: last !== undefined && rows.length > limit ? toCursor(last) : null };
}
