/**
 * Returns the SQL that selects which of some workers are not declared dead, and keeps that so until the transaction ends: the part `alive` of a WITH.
 *
 * @param ids a list of ids, or a subquery
 */
export function liveWorkersCte(ids: string): string {
  return `alive AS (SELECT id FROM workers WHERE id IN (${ids}) ORDER BY id FOR KEY SHARE)`;
}
