/**
 * Cuts a page out of rows of which one more was asked for than it may have: that one tells whether there is a next page.
 *
 * @param cursorOf where the next page begins, told by the last item of this one
 */
export function cutPage<Row>(rows: readonly Row[], limit: number, cursorOf: (last: Row) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: last !== undefined && rows.length > limit ? cursorOf(last) : null };
}
