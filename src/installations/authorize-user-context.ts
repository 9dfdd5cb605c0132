import { createHash } from 'node:crypto';
import { audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import { toCompanyOwner, toLocationOwner } from '../highlevel/client.ts';
import type { UserContext } from '../highlevel/user-context.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { addDomain, recordObservation } from './observations.ts';
import { findInstallation, type Installation } from './store.ts';
import { requestLocationSync } from './sync-locations.ts';

export interface UserContextDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  log: Log;
  metrics: Metrics;
}

type AuthorizeDeps = Pick<UserContextDeps, 'db' | 'clock'>;

/**
 * Authorizes a user context against the installations and records what it reveals. A context proves that its user belongs to the
 * location or agency, never that the app is installed now: it carries no time of its own.
 *
 * @throws AppError `forbidden`: not this company's location, or the app is not installed there; `installation_missing`: it is being set up
 */
export async function authorizeUserContext(deps: AuthorizeDeps, context: UserContext): Promise<void> {
  const { companyId, locationId } = context;
  const agency = await findInstallation(deps.db.client, toCompanyOwner(companyId));
  if (locationId === null) return authorizeAgency(deps, context, agency);

  const row = await findInstallation(deps.db.client, toLocationOwner(locationId));
  await requestReconcile(deps, context, row, agency);
  if (row?.status === 'pending' && (row.companyId ?? companyId) === companyId) {
    throw new AppError('installation_missing', 'This location is being set up. Please come back in a moment.', {
      retryAfterMs: 5_000,
    });
  }
  if (!row || row.status === 'uninstalled' || row.companyId !== companyId) throw toNotInstalledError();
  await recordDomain(deps, context, agency ?? row);
}

async function authorizeAgency(deps: AuthorizeDeps, context: UserContext, agency: Installation | null): Promise<void> {
  // A user of a location is not authorized for its agency.
  if (context.type !== 'agency') throw toNotInstalledError();
  // HighLevel may restrict such a user to some of the locations, and the context does not list them.
  if (context.role !== 'admin') {
    throw new AppError('agency_admins_only', 'The agency’s page is for its admins. Open the app inside one of your locations.');
  }
  const isInstalled = agency !== null && agency.status !== 'uninstalled';
  const locations = await deps.db.client.installation.count({
    where: { kind: 'location', companyId: context.companyId, status: { notIn: ['uninstalled', 'pending'] } },
  });
  if (!isInstalled && locations === 0) throw toNotInstalledError();
  if (isInstalled) await recordDomain(deps, context, agency);
}

function toNotInstalledError(): AppError {
  return new AppError('forbidden', 'The app is not installed here.');
}

/** Reconciles an installation that is not active, or of another company: the context suggests that the app is installed here. */
async function requestReconcile(
  deps: AuthorizeDeps,
  context: UserContext,
  row: Installation | null,
  agency: Installation | null,
): Promise<void> {
  // Its agency may have handed it over to this one.
  const isOfOther = row !== null && row.companyId !== null && row.companyId !== context.companyId;
  if (row?.status === 'active' && !isOfOther) return;
  const now = dateNow(deps.clock);
  const isMissing = !row || row.status === 'uninstalled' || isOfOther;
  if (!isMissing) {
    const companyId = agency?.status === 'active' ? context.companyId : undefined;
    await deps.db.transaction((tx) => recordObservation(tx, { key: row, companyId, isHint: true }, now));
  } else if (agency?.status === 'active') {
    await requestLocationSync(deps.db.client, context.companyId, now);
  }
}

async function recordDomain(deps: AuthorizeDeps, { whiteLabelDomain }: UserContext, row: Installation): Promise<void> {
  if (addDomain(row.whiteLabelDomains, whiteLabelDomain) === row.whiteLabelDomains) return;
  await deps.db.transaction((tx) => recordObservation(tx, { key: row, whiteLabelDomain }, dateNow(deps.clock)));
}

/**
 * Detects a repeated context. Each handshake makes a new one, so a repeat from another address may be stolen. It is counted and not
 * rejected, as users change networks. The first such repeat of a context is audited.
 *
 * @param address the caller's address
 * @returns when it was first seen
 */
export async function detectReplay(
  { db, clock, newId, log, metrics }: UserContextDeps,
  encrypted: string,
  context: UserContext,
  address: string,
): Promise<Date> {
  const now = dateNow(clock);
  const id = sha256(encrypted);
  const origin = sha256(`${id}/${address}`);
  const { count } = await db.client.seenUserContext.createMany({
    data: { id, origin, firstSeenAt: now, lastSeenAt: now },
    skipDuplicates: true,
  });
  if (count === 1) return now;
  return db.transaction(async (tx) => {
    const seen = await tx.seenUserContext.findUnique({ where: { id } });
    const isElsewhere = seen !== null && seen.origin !== origin;
    await tx.seenUserContext.updateMany({
      where: { id },
      data: { lastSeenAt: now, ...(isElsewhere ? { otherOriginCount: { increment: 1 } } : {}) },
    });
    if (isElsewhere) metrics.contextReplays.inc();
    if (isElsewhere && seen.otherOriginCount === 0) {
      const { userId, companyId, locationId } = context;
      log.warn({ userId, companyId, locationId }, 'user context was repeated from another address');
      const details = 'The same user context was presented again from another address.';
      await audit(tx, { clock, newId }, { actor: { userId }, action: 'context_replayed', companyId, locationId, details });
    }
    return seen?.firstSeenAt ?? now;
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
