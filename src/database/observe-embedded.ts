import type { PGlite, Transaction } from '@electric-sql/pglite';
import type { Clock } from '../core/clock.ts';
import { override } from './override.ts';
import type { ObserveStatement } from './slow-statements.ts';

/**
 * Measures the statements of an embedded database, failed ones too. It has one session, for which statements wait: they are measured from the
 * end of the one before, so that one that is slow does not make those behind it slow.
 */
export function observeEmbedded(embedded: PGlite, clock: Pick<Clock, 'elapsed'>, observe: ObserveStatement): PGlite {
  /** Time at which the session last became free. */
  let freeAt = Number.NEGATIVE_INFINITY;
  async function measure<T>(sql: string, run: () => Promise<T>): Promise<T> {
    const startedAt = clock.elapsed();
    try {
      return await run();
    } finally {
      const endedAt = clock.elapsed();
      observe(sql, endedAt - Math.max(startedAt, freeAt));
      freeAt = endedAt;
    }
  }
  const query =
    (session: PGlite | Transaction): PGlite['query'] =>
    (sql, ...more) =>
      measure(sql, () => session.query(sql, ...more));
  const transaction: PGlite['transaction'] = (work) =>
    embedded
      .transaction((tx) => work(override(tx, { query: query(tx) })))
      .finally(() => {
        freeAt = clock.elapsed();
      });
  return override(embedded, { query: query(embedded), transaction });
}
