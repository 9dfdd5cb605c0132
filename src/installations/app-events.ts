import { audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { computeOutageDelayMs } from '../core/retry-schedule.ts';
import { sanitize } from '../core/sanitize.ts';
import type { AppEvent, Database, Executor } from '../database/client.ts';
import { type TokenOwner, toCompanyOwner, toLocationOwner } from '../highlevel/client.ts';
import { type ContactDnd, readContactDnd, toStoredContactDnd } from '../highlevel/do-not-disturb.ts';
import { type AppKeys, parseAppId } from '../highlevel/oauth.ts';
import { type AppEventWebhook, readAppEvent } from '../highlevel/payloads.ts';
import type { Log } from '../runtime/log.ts';
import type { AccessTokens } from './access-token.ts';
import { recordCompanyUninstall, recordObservation } from './observations.ts';
import { requestPermissionProbe } from './permissions.ts';
import { findInstallation, type Installation, keyOf } from './store.ts';
import { requestLocationSync } from './sync-locations.ts';

export interface AppEventDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  app: AppKeys;
  log: Log;
  tokens: Pick<AccessTokens, 'renewOnce'>;
  /** Applies a contact's do-not-disturb to the location's opt-outs. */
  recordContactDnd(tx: Executor, locationId: string, dnd: ContactDnd, occurredAt: Date): Promise<void>;
}

const contactDndType = 'ContactDndUpdate';

/** Stores an app event (INSTALL, UNINSTALL, ...) as received; of a contact's only what is used. @returns false for a repeat @throws AppError `payload_invalid` */
export async function recordAppEvent(deps: Pick<AppEventDeps, 'db' | 'clock'>, body: Buffer): Promise<boolean> {
  const event = readAppEvent(body);
  const { id, type, appId, companyId, locationId, occurredAt } = event;
  const now = dateNow(deps.clock);
  const { count } = await deps.db.client.appEvent.createMany({
    data: {
      ...{ id, type, appId, companyId, locationId, occurredAt },
      rawPayload: sanitize((type === contactDndType ? toStoredContactDnd(body) : body).toString('utf8')),
      receivedAt: now,
      dueAt: now,
    },
    skipDuplicates: true,
  });
  if (count === 0 && type === 'UNINSTALL' && occurredAt === null) await reopenUninstall(deps, event, now);
  return count === 1;
}

/**
 * Applies an UNINSTALL once more where the installation is newer than its first receipt: without a time, a second uninstall has the same bytes as
 * a late repeat of the first.
 */
async function reopenUninstall(
  { db }: Pick<AppEventDeps, 'db'>,
  { id, companyId, locationId }: AppEventWebhook,
  now: Date,
): Promise<void> {
  const first = await db.client.appEvent.findUnique({ where: { id }, select: { receivedAt: true } });
  const key = toOwner({ companyId, locationId });
  if (!first || !key) return;
  const where = { ...keyOf(key), status: 'active', installedSeenAt: { gt: first.receivedAt } } as const;
  if ((await db.client.installation.count({ where })) === 0) return;
  await db.client.appEvent.updateMany({ where: { id, dueAt: null }, data: { dueAt: now, receivedAt: now } });
}

function toOwner({ companyId, locationId }: Pick<AppEventWebhook, 'companyId' | 'locationId'>): TokenOwner | null {
  return locationId ? toLocationOwner(locationId) : companyId ? toCompanyOwner(companyId) : null;
}

const batchSize = 50;

/** Time for which HighLevel repeats an event that was not acknowledged (platform-2026-11.md 2). */
const maxRepeatMs = 3 * 24 * 60 * 60 * 1000;
/** Time after which an uninstall is believed although HighLevel could not be asked. */
const maxDoubtMs = 24 * 60 * 60 * 1000;

/** Applies the events that are due, each in a transaction of its own. @returns their number */
export async function applyDueEvents(deps: AppEventDeps): Promise<number> {
  const now = dateNow(deps.clock);
  const due = await deps.db.client.appEvent.findMany({
    where: { dueAt: { lte: now } },
    orderBy: [{ dueAt: 'asc' }, { id: 'asc' }],
    take: batchSize,
  });
  const [timeless, others] = [due.filter(isTimelessUninstall), due.filter((event) => !isTimelessUninstall(event))];
  // HighLevel may be asked about these: the others must not wait for it.
  const asked = Promise.all(timeless.map((event) => applyOnce(deps, event)));
  for (const event of others) await applyOnce(deps, event);
  await asked;
  return due.length;
}

function isTimelessUninstall({ type, occurredAt }: AppEvent): boolean {
  return type === 'UNINSTALL' && occurredAt === null;
}

/** Time within which the events of one install come. */
const installMs = 10 * 60 * 1000;

/**
 * Asks HighLevel for tokens where an UNINSTALL has no time and may be a late repeat of one before the present install: it must not end that, with
 * its channels and its queued messages. Only there: whether HighLevel refuses tokens at once after an uninstall is not documented.
 *
 * @returns true where the app is still installed @throws AppError while HighLevel does not say
 */
async function isRefuted({ db, clock, app, tokens }: AppEventDeps, event: AppEvent): Promise<boolean> {
  const key = toOwner(event);
  if (!isTimelessUninstall(event) || !key || event.appId !== parseAppId(app)) return false;
  const row = await findInstallation(db.client, key);
  if (!row || !['active', 'pending'].includes(row.status) || !(await isReinstalled(db, row, event))) return false;
  try {
    await tokens.renewOnce(row);
    return true;
  } catch (error) {
    const isDefinite = isAppError(error, 'installation_missing', 'location_inactive', 'reauth_required', 'uninstalled');
    if (isDefinite || clock.now() - event.receivedAt.getTime() > maxDoubtMs) return false;
    throw error;
  }
}

/** Returns whether the app was installed, uninstalled and installed again while HighLevel may still repeat the event of that uninstall. */
async function isReinstalled(
  db: Database,
  row: Installation,
  { companyId, locationId, receivedAt }: AppEvent,
): Promise<boolean> {
  if (row.installedAt === null) return false;
  const since = receivedAt.getTime() - maxRepeatMs;
  if (row.uninstalledSeenAt !== null) return row.installedAt.getTime() > since;
  // Where the uninstall was not seen, there is an event of an install that is newer than the known one.
  const owner = locationId ? { locationId } : { companyId, locationId: null };
  const from = new Date(Math.max(since, row.installedAt.getTime() + installMs));
  return (await db.client.appEvent.count({ where: { type: 'INSTALL', ...owner, receivedAt: { gte: from } } })) > 0;
}

async function applyOnce(deps: AppEventDeps, event: AppEvent): Promise<void> {
  const { db, clock, log } = deps;
  try {
    const isIgnored = await isRefuted(deps, event);
    await db.transaction(async (tx) => {
      const { count } = await tx.appEvent.updateMany({ where: { id: event.id, dueAt: event.dueAt }, data: { dueAt: null } });
      if (count === 0) return;
      const outcome = isIgnored ? 'ignored' : await apply(deps, tx, event);
      await tx.appEvent.update({ where: { id: event.id }, data: { outcome } });
    });
  } catch (error) {
    log.error({ err: error, eventId: event.id, type: event.type }, 'app event could not be applied; it will be retried');
    const dueAt = new Date(clock.now() + computeOutageDelayMs(clock.now() - event.receivedAt.getTime(), 0));
    await db.client.appEvent.updateMany({ where: { id: event.id, dueAt: event.dueAt }, data: { dueAt } });
  }
}

type Outcome = 'applied' | 'not_ours' | 'ignored';

/** Applies an event to installations by its type (platform.md 5.6). Unknown types are stored and change no installation. */
async function apply(deps: AppEventDeps, tx: Executor, stored: AppEvent): Promise<Outcome> {
  const { clock, newId } = deps;
  const event = readAppEvent(Buffer.from(stored.rawPayload));
  const ourAppId = parseAppId(deps.app);
  if (event.appId !== null && event.appId !== ourAppId) return 'not_ours';
  if (event.type === 'LocationUpdate' || event.type === 'LocationCreate') return applyLocationEvent(deps, tx, event);
  if (event.type === contactDndType) return applyContactDnd(deps, tx, event, stored);
  // The signature proves that HighLevel sent it; only the app id proves that it is about our app.
  if (event.appId === null) return 'not_ours';

  const { companyId, locationId } = event;
  const key = toOwner(event);
  if (!key) return 'ignored';
  const now = dateNow(clock);
  const at = toEventTime(event, stored);
  const scope = { companyId, locationId };

  switch (event.type) {
    case 'INSTALL':
    case 'UPDATE': {
      const { userId, whiteLabelDomain } = event;
      await recordObservation(tx, { key, companyId, installedSeenAt: at, userId, whiteLabelDomain, isHint: true }, now);
      await requestPermissionProbe(tx, key, now);
      if (key.kind === 'company') await requestLocationSync(tx, key.resourceId, now);
      return 'applied';
    }
    case 'UNINSTALL':
      await recordObservation(tx, { key, companyId, uninstalledSeenAt: at }, now);
      if (key.kind === 'company') await recordCompanyUninstall(tx, key.resourceId, at, now);
      return 'applied';
    case 'PLAN_CHANGE':
      await audit(
        tx,
        { clock, newId },
        { actor: 'highlevel', action: 'plan_changed', ...scope, details: describeChange(event) },
      );
      return 'applied';
    case 'APP_PAYMENT_STATUS':
      await audit(
        tx,
        { clock, newId },
        { actor: 'highlevel', action: 'payment_status_changed', ...scope, details: describeChange(event) },
      );
      await requestReconcile(tx, key, now);
      return 'applied';
    default:
      return 'ignored';
  }
}

/** No event happens after its receipt: a time from a fast clock must not override later events. */
function toEventTime({ occurredAt }: AppEventWebhook, { receivedAt }: AppEvent): Date {
  return occurredAt && occurredAt < receivedAt ? occurredAt : receivedAt;
}

/** Applies a contact's do-not-disturb. Like a location's profile, it is true for each app that HighLevel sends it to. */
async function applyContactDnd(deps: AppEventDeps, tx: Executor, event: AppEventWebhook, stored: AppEvent): Promise<Outcome> {
  const { locationId } = event;
  if (!locationId) return 'ignored';
  const isInstalled = await tx.installation.count({
    where: { ...toLocationOwner(locationId), status: { notIn: ['pending', 'uninstalled'] } },
  });
  if (isInstalled === 0) return 'ignored';
  await deps.recordContactDnd(tx, locationId, readContactDnd(Buffer.from(stored.rawPayload)), toEventTime(event, stored));
  return 'applied';
}

/** Requests the location's profile from HighLevel; the event's own fields are not used. */
async function applyLocationEvent(deps: AppEventDeps, tx: Executor, event: AppEventWebhook): Promise<Outcome> {
  const now = dateNow(deps.clock);
  const locationId = event.locationId ?? event.subjectId;
  if (event.type === 'LocationCreate' && event.companyId) await requestLocationSync(tx, event.companyId, now);
  if (!locationId) return 'ignored';
  const { count } = await tx.installation.updateMany({
    where: { ...toLocationOwner(locationId), status: { not: 'uninstalled' } },
    data: { profileFetchedAt: null, reconcileAt: now },
  });
  return count > 0 || event.type === 'LocationCreate' ? 'applied' : 'ignored';
}

/** Reconciles an installation that is not active now: the event suggests that the cause is gone. It does not prove an install. */
async function requestReconcile(tx: Executor, key: TokenOwner, now: Date): Promise<void> {
  await tx.installation.updateMany({
    where: { ...key, status: { notIn: ['active', 'uninstalled'] } },
    data: { reconcileAt: now },
  });
}

function describeChange({ before, after }: AppEventWebhook): string {
  return `From ${before ?? 'none'} to ${after ?? 'none'}.`;
}
