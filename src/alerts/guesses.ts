import type { AuditAction } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database, Executor } from '../database/client.ts';
import { createDelayedWrite } from '../runtime/delayed-write.ts';
import type { Log } from '../runtime/log.ts';
import type { AlertLimits, Finding, OpenOnes } from './alert.ts';
import { burstMs, isBurst, minuteOf } from './signatures-failing.ts';

/** What a caller can guess at: the operator's token at the API, the same at the sign-in page, a user context, the token for metrics. */
export type GuessKind = 'operator_token' | 'sign_in' | 'context' | 'metrics_token';

/** Under which action the wrong ones of a minute stand in the audit. */
export const guessActions = {
  operator_token: 'operator_token_refused',
  sign_in: 'operator_sign_in_failed',
  context: 'context_refused',
  metrics_token: 'metrics_token_refused',
} as const satisfies Record<GuessKind, AuditAction>;

const guessed: Record<GuessKind, string> = {
  operator_token: 'requests to the API with a wrong token',
  sign_in: 'attempts to sign in with a wrong token',
  context: 'user contexts that do not decrypt to what HighLevel writes',
  metrics_token: 'requests for metrics with a wrong token',
};
const because: Record<GuessKind, string> = {
  operator_token: 'a stranger guesses ADMIN_TOKEN, or a program of yours has an old one.',
  sign_in: 'a stranger guesses ADMIN_TOKEN.',
  context: 'a stranger forges them, or the app has another shared secret (HIGHLEVEL_SHARED_SECRETS).',
  metrics_token: 'a stranger guesses METRICS_TOKEN, or a collector has an old one.',
};

/** Finds bursts of wrong guesses, in all processes together. */
export async function frequentGuesses(on: Executor, open: OpenOnes, limits: AlertLimits, now: Date): Promise<Finding[]> {
  const minute = { gt: new Date(now.getTime() - burstMs) };
  const rows = await on.guess.groupBy({ by: ['kind'], where: { minute }, _sum: { count: true }, orderBy: { kind: 'asc' } });
  return rows.flatMap(({ kind: name, _sum }) => {
    const kind = name as GuessKind;
    const count = _sum.count ?? 0;
    if (!isBurst(count, open.has(kind), limits.signatureFailures)) return [];
    const details = `${count} ${guessed[kind]} came within five minutes: ${because[kind]} The audit has the addresses.`;
    return [{ subject: kind, locationId: null, companyId: null, details }];
  });
}

export interface GuessRecord {
  /** Costs a request nothing: counts are written together, a few seconds later. @param network where it came from */
  count(kind: GuessKind, network: string): void;
  /** Writes what is counted. */
  stop(): Promise<void>;
}

const maxNetworks = 5;

/** Creates the record of this process's wrong guesses: in the log, in a count and an audit entry for each minute and kind. */
export function createGuessRecord(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): GuessRecord {
  const { db, clock, newId, log } = deps;
  let counted = new Map<GuessKind, { count: number; networks: Set<string> }>();

  function add(kind: GuessKind, more: number, networks: Iterable<string>): void {
    const one = counted.get(kind) ?? { count: 0, networks: new Set() };
    one.count += more;
    for (const network of networks) if (one.networks.size < maxNetworks) one.networks.add(network);
    counted.set(kind, one);
  }

  const written = createDelayedWrite(deps, 'wrong guesses', async () => {
    const all = [...counted];
    counted = new Map();
    const failures: unknown[] = [];
    for (const [kind, { count, networks }] of all) {
      const from = [...networks].join(', ');
      log.warn({ kind, count, from }, 'wrong guesses were refused');
      try {
        await writeGuesses(db.client, { kind, minute: minuteOf(clock), count, id: newId(), from });
      } catch (error) {
        add(kind, count, networks);
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });

  return {
    count(kind, network) {
      add(kind, 1, [network]);
      written.request();
    },
    stop: written.stop,
  };
}

/** Adds to a minute's count, and says the new one in that minute's only audit entry: strangers can't fill the audit. */
async function writeGuesses(
  on: Executor,
  { kind, minute, count, id, from }: { kind: GuessKind; minute: Date; count: number; id: string; from: string },
): Promise<void> {
  await on.$executeRaw`
    WITH counted AS (
      INSERT INTO guesses (kind, minute, count, audit_id) VALUES (${kind}, ${minute}, ${count}, ${id}::uuid)
      ON CONFLICT (kind, minute) DO UPDATE SET count = guesses.count + EXCLUDED.count
      RETURNING count, audit_id
    )
    INSERT INTO audit_entries (id, at, actor, action, details)
    SELECT audit_id, ${minute}, 'patchbay', ${guessActions[kind]}, 'In this minute: ' || count || '. Seen last from ' || ${from}::text || '.'
    FROM counted
    ON CONFLICT (id) DO UPDATE SET details = EXCLUDED.details`;
}

/** Forgets counts that no burst can need; their audit entries stay for longer. */
export async function forgetGuesses(deps: { db: Database; clock: Clock }, auditBefore: Date): Promise<void> {
  const { client } = deps.db;
  await client.guess.deleteMany({ where: { minute: { lt: new Date(dateNow(deps.clock).getTime() - 24 * 60 * 60_000) } } });
  await client.auditEntry.deleteMany({ where: { action: { in: Object.values(guessActions) }, at: { lt: auditBefore } } });
}
