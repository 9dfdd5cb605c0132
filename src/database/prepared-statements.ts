import type pg from 'pg';
import type { Clock } from '../core/clock.ts';

/** The names under which sessions keep statements. */
export interface StatementNames {
  /** Returns undefined for a statement that is not kept. */
  find(sql: string): string | undefined;
  /** Keeps no more statements: sessions lose them, as behind a pooler that was not noticed. */
  stop(): void;
}

/** A statement that was used so often is kept: those of searches, whose text depends on the search, rarely are. */
const minUses = 20;
/** Most that a session keeps: each takes some of the server's memory. */
const maxNames = 100;
const maxCounted = 2_000;

/** Creates the names of the statements that are used again and again. */
export function createStatementNames(): StatementNames {
  const uses = new Map<string, number>();
  const names = new Map<string, string>();
  let isStopped = false;
  return {
    find(sql) {
      if (isStopped) return undefined;
      const name = names.get(sql);
      if (name !== undefined || names.size >= maxNames) return name;
      if (uses.size >= maxCounted) uses.clear();
      const count = (uses.get(sql) ?? 0) + 1;
      uses.set(sql, count);
      if (count < minUses) return undefined;
      uses.delete(sql);
      names.set(sql, `patchbay_${names.size}`);
      return names.get(sql);
    },
    stop() {
      isStopped = true;
    },
  };
}

/** Age of a plan at which the server makes it anew: tables that were empty may have filled. */
const maxPlanAgeMs = 30_000;

interface KeptStatements {
  readonly names: StatementNames;
  readonly clock: Pick<Clock, 'elapsed'>;
  plannedAt: number;
}

const sessions = new WeakMap<pg.ClientBase, KeptStatements>();

/** Lets a session keep its statements: parsing and planning one of the large ones takes three times as long as executing it. */
export function keepStatements(session: pg.ClientBase, names: StatementNames, clock: Pick<Clock, 'elapsed'>): void {
  sessions.set(session, { names, clock, plannedAt: clock.elapsed() });
}

/** Returns the name of a statement in a session, and has plans that are old made anew. */
export async function prepareStatement(session: pg.ClientBase, sql: string): Promise<{ name?: string }> {
  const kept = sessions.get(session);
  const name = kept?.names.find(sql);
  if (!kept || name === undefined) return {};
  const now = kept.clock.elapsed();
  if (now - kept.plannedAt >= maxPlanAgeMs) {
    kept.plannedAt = now;
    await session.query('DISCARD PLANS');
  }
  return { name };
}
