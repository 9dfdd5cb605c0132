/**
 * Cuts a page out of rows of which one more was asked for than it may have: that one tells whether there is a next page.
 *
 * @param toCursor where the next page begins, told by the last item of this one
 */
export function paginate<Row>(rows: readonly Row[], limit: number, toCursor: (last: Row) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: last !== undefined && rows.length > limit ? toCursor(last) : null };
}
