/** Rows to claim. */
export interface DueRows {
  readonly table: 'trigger_events' | 'workflow_sends' | 'workflow_pauses';
  readonly maxClaimed: number;
  readonly maxPerLocation: number;
  /** Condition of rows `t` that may be claimed now. */
  readonly condition?: string;
}

/**
 * Builds the statement that claims rows: $1 is the time until which they are claimed, $2 the time. Each location with due rows has its turn, with
 * those that have been due longest. The statement walks an index of what waits from location to location: the newest rows of one are found behind
 * any number of another's.
 */
export function buildClaimDueSql({ table, maxClaimed, maxPerLocation, condition = 'true' }: DueRows): string {
  return `
    WITH RECURSIVE locations AS (
      (SELECT location_id FROM ${table} WHERE due_at IS NOT NULL ORDER BY location_id LIMIT 1)
      UNION ALL
      SELECT (SELECT t.location_id FROM ${table} t WHERE t.due_at IS NOT NULL AND t.location_id > locations.location_id
        ORDER BY t.location_id LIMIT 1)
      FROM locations WHERE locations.location_id IS NOT NULL),
    due AS MATERIALIZED (
      SELECT first.id FROM locations CROSS JOIN LATERAL (
        SELECT id, due_at, row_number() OVER (ORDER BY due_at, created_at, id) AS turn FROM (
          SELECT id, due_at, created_at FROM ${table} t WHERE t.location_id = locations.location_id AND t.due_at <= $2 AND ${condition}
          ORDER BY due_at, created_at, id LIMIT ${maxPerLocation}) AS oldest) AS first
      ORDER BY turn, due_at LIMIT ${maxClaimed})
    UPDATE ${table} SET due_at = $1 WHERE id IN (
      SELECT id FROM ${table} WHERE id IN (SELECT id FROM due) AND due_at <= $2 ORDER BY id FOR UPDATE SKIP LOCKED)
    RETURNING id`;
}
