import { type AuditAction, purgeAuditEntries } from '../../audit/audit-log.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { formatCount } from '../../core/format-count.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database, Executor } from '../../database/client.ts';
import { createDelayedWrite } from '../../runtime/delayed-write.ts';
import type { Log } from '../../runtime/log.ts';
import type { AlertThresholds, Finding, OpenAlerts } from '../alert.ts';
import { burstWindowMs, isBurst, toMinute } from './signatures-invalid.ts';

/** Credential that failed: the operator's token at the API or at the sign-in page, a user context, or the token for metrics. */
export const authFailureKinds = ['operator_token', 'sign_in', 'context', 'metrics_token'] as const;
export type AuthFailureKind = (typeof authFailureKinds)[number];

/** Actions of the audit entries, one a minute and kind. */
const authFailureActions = {
  operator_token: 'operator_token_refused',
  sign_in: 'operator_sign_in_failed',
  context: 'context_refused',
  metrics_token: 'metrics_token_refused',
} as const satisfies Record<AuthFailureKind, AuditAction>;

/** In the singular and the plural. */
const failureTexts: Record<AuthFailureKind, readonly [string, string]> = {
  operator_token: ['API request with an invalid token', 'API requests with an invalid token'],
  sign_in: ['sign-in attempt with an invalid token', 'sign-in attempts with an invalid token'],
  context: ['user context that could not be decrypted', 'user contexts that could not be decrypted'],
  metrics_token: ['metrics request with an invalid token', 'metrics requests with an invalid token'],
};
const causeTexts: Record<AuthFailureKind, string> = {
  operator_token: 'a stranger is guessing ADMIN_TOKEN, or one of your programs uses an old one.',
  sign_in: 'a stranger is guessing ADMIN_TOKEN.',
  context: 'a stranger is forging them, or the app has another shared secret (HIGHLEVEL_SHARED_SECRETS).',
  metrics_token: 'a stranger is guessing METRICS_TOKEN, or a collector uses an old one.',
};

/** Finds bursts of authentication failures across all processes. */
export async function findAuthFailures(
  on: Executor,
  open: OpenAlerts,
  thresholds: AlertThresholds,
  now: Date,
): Promise<Finding[]> {
  const minute = { gt: new Date(now.getTime() - burstWindowMs) };
  const rows = await on.authFailure.groupBy({
    by: ['kind'],
    where: { minute },
    _sum: { count: true },
    orderBy: { kind: 'asc' },
  });
  return rows.flatMap(({ kind: name, _sum }) => {
    const kind = name as AuthFailureKind;
    const count = _sum.count ?? 0;
    if (!isBurst(count, open.has(kind), thresholds.signatureFailures)) return [];
    const details = `${formatCount(count, ...failureTexts[kind])} within five minutes: ${causeTexts[kind]} The audit log lists their addresses.`;
    return [{ subject: kind, locationId: null, companyId: null, details }];
  });
}

export interface AuthFailureRecorder {
  /** Counts a failure without delaying its request: counts are written in one batch, a few seconds later. @param network the caller's network */
  record(kind: AuthFailureKind, network: string): void;
  /** Writes pending counts. */
  stop(): Promise<void>;
}

const maxNetworks = 5;

/** Creates the recorder of this process's authentication failures: in the log, and in a count and an audit entry for each minute and kind. */
export function createAuthFailureRecorder(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): AuthFailureRecorder {
  const { db, clock, newId, log } = deps;
  let pending = new Map<AuthFailureKind, { count: number; networks: Set<string> }>();

  function add(kind: AuthFailureKind, increment: number, networks: Iterable<string>): void {
    const entry = pending.get(kind) ?? { count: 0, networks: new Set() };
    entry.count += increment;
    for (const network of networks) if (entry.networks.size < maxNetworks) entry.networks.add(network);
    pending.set(kind, entry);
  }

  const delayedWrite = createDelayedWrite(deps, 'authentication failures', async () => {
    const entries = [...pending];
    pending = new Map();
    const errors: unknown[] = [];
    for (const [kind, { count, networks }] of entries) {
      const from = [...networks].join(', ');
      log.warn({ kind, count, from }, 'authentication failures');
      try {
        await writeAuthFailures(db.client, { kind, minute: toMinute(clock), count, id: newId(), from });
      } catch (error) {
        add(kind, count, networks);
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  });

  return {
    record(kind, network) {
      add(kind, 1, [network]);
      delayedWrite.request();
    },
    stop: delayedWrite.stop,
  };
}

/** Adds to a minute's count, and updates that minute's only audit entry, so that strangers cannot fill the audit log. */
async function writeAuthFailures(
  on: Executor,
  { kind, minute, count, id, from }: { kind: AuthFailureKind; minute: Date; count: number; id: string; from: string },
): Promise<void> {
  await on.$executeRaw`
    WITH counted AS (
      INSERT INTO auth_failures (kind, minute, count, audit_id) VALUES (${kind}, ${minute}, ${count}, ${id}::uuid)
      ON CONFLICT (kind, minute) DO UPDATE SET count = auth_failures.count + EXCLUDED.count
      RETURNING count, audit_id
    )
    INSERT INTO audit_entries (id, at, actor, action, details)
    SELECT audit_id, ${minute}, 'patchbay', ${authFailureActions[kind]}, 'In this minute: ' || count || '. Latest source: ' || ${from}::text || '.'
    FROM counted
    ON CONFLICT (id) DO UPDATE SET details = EXCLUDED.details`;
}

/** Deletes counts older than a day; their audit entries are retained longer. */
export async function purgeAuthFailures(deps: { db: Database; clock: Clock }, auditBefore: Date): Promise<void> {
  const { client } = deps.db;
  await client.authFailure.deleteMany({
    where: { minute: { lt: new Date(dateNow(deps.clock).getTime() - 24 * 60 * 60_000) } },
  });
  await purgeAuditEntries(client, Object.values(authFailureActions), auditBefore);
}
