import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Alert, AlertKind, Database, Executor } from '../database/client.ts';
import { claimPeriodicTask } from '../database/periodic-lock.ts';
import type { Log } from '../runtime/log.ts';
import { mixedUpAddresses } from './addresses-mixed-up.ts';
import { type AlertLimits, alertKinds, type Finding, type OpenOnes } from './alert.ts';
import { lowBudgets } from './budget-low.ts';
import { disconnectedChannels } from './channel-disconnected.ts';
import { failingChannels } from './channel-failing.ts';
import { frequentGuesses } from './guesses.ts';
import { silentLocations } from './location-silent.ts';
import { missingPermissions } from './permission-missing.ts';
import { waitingQueues } from './queue-old.ts';
import { reconnectsNeeded } from './reauth-required.ts';
import { wrongSignatures } from './signatures-failing.ts';
import { endTellings, planTellings, type Way } from './tellings.ts';

export interface WatchDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  log: Log;
  alertLimits: AlertLimits;
  /** The ways in which the operator wants to be told. */
  alertWays: ReadonlyMap<Way, unknown>;
}

/** A look at everything, for all locations, is a handful of statements. */
const everyMs = 60_000;

type Look = (on: Executor, open: OpenOnes, limits: AlertLimits, now: Date) => Promise<Finding[]>;

const looks: Readonly<Record<AlertKind, Look>> = {
  channel_failing: failingChannels,
  channel_disconnected: (on, _open, _limits, now) => disconnectedChannels(on, now),
  location_silent: silentLocations,
  reauth_required: reconnectsNeeded,
  budget_low: lowBudgets,
  queue_old: waitingQueues,
  signatures_failing: wrongSignatures,
  permission_missing: missingPermissions,
  addresses_mixed_up: (on, _open, _limits, now) => mixedUpAddresses(on, now),
  guessing: frequentGuesses,
};

/**
 * Looks, once a minute in all processes together, at everything there is an alert for: raises what is new, ends what is over. Each stands
 * once, whoever looks at the same time.
 *
 * @returns 0: there is nothing more to do before the next minute
 */
export async function watchAll(deps: WatchDeps): Promise<number> {
  if (!(await claimPeriodicTask(deps, 'alerts', everyMs))) return 0;
  const { client } = deps.db;
  const open = await client.alert.findMany({ where: { openKey: { not: null } } });
  for (const kind of alertKinds) {
    const ofKind = new Map(open.filter((alert) => alert.kind === kind).map((alert) => [alert.subject, alert]));
    try {
      const findings = await looks[kind](client, ofKind, deps.alertLimits, dateNow(deps.clock));
      await keep(deps, kind, findings, [...ofKind.values()]);
    } catch (error) {
      // The others are looked at all the same, and nothing is known of this one: what was open stays so.
      deps.log.error({ err: error, kind }, 'it could not be seen whether there is an alert');
    }
  }
  await planTellings(deps);
  return 0;
}

/** Makes the open alerts of a kind those that were found. */
async function keep(deps: WatchDeps, kind: AlertKind, findings: readonly Finding[], open: readonly Alert[]): Promise<void> {
  const found = new Set(findings.map(({ subject }) => subject));
  const over = open.filter(({ subject }) => !found.has(subject)).map(({ id }) => id);
  if (findings.length === 0 && over.length === 0) return;
  const now = dateNow(deps.clock);
  // One order for all, so that two who look at once wait for each other and not both for ever.
  const rows = findings
    .toSorted((a, b) => (a.subject < b.subject ? -1 : 1))
    .map((finding) => ({ ...finding, id: deps.newId(), openKey: `${kind}/${finding.subject}` }));
  await deps.db.transaction(async (tx) => {
    await tx.$executeRaw`
      INSERT INTO alerts (id, kind, subject, open_key, location_id, company_id, details, begun_at, last_seen_at)
      SELECT id, ${kind}::alert_kind, subject, "openKey", "locationId", "companyId", details, ${now}, ${now}
      FROM json_to_recordset(${JSON.stringify(rows)}::json)
        AS f (id uuid, subject text, "openKey" text, "locationId" text, "companyId" text, details text)
      ON CONFLICT (open_key) DO UPDATE
        SET last_seen_at = EXCLUDED.last_seen_at, details = EXCLUDED.details, company_id = EXCLUDED.company_id`;
    if (over.length === 0) return;
    await tx.$executeRaw`
      UPDATE alerts SET open_key = NULL, ended_at = ${now} WHERE id = ANY (${over}::uuid[]) AND ended_at IS NULL`;
    await endTellings(tx, over, now);
  });
}
