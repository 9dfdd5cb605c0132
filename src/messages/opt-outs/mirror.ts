import { normalizeAddress } from '../../core/address.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import { computeBackoffMs } from '../../core/retry-schedule.ts';
import type { Database } from '../../database/client.ts';
import { type HighLevel, toLocationOwner } from '../../highlevel/client.ts';
import { findContactByEmail, findContactByPhone } from '../../highlevel/contacts.ts';
import {
  type DndChannel,
  type DndSettings,
  findDndSettings,
  isBlocked,
  isBlockedByUs,
  updateDnd,
} from '../../highlevel/do-not-disturb.ts';
import { toDndMirrorKey, toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import { dndMirrorRateLimit } from '../../highlevel/rate-limit.ts';
import { isPaused, tryAcquire } from '../../queue/rate-limits.ts';
import type { Log } from '../../runtime/log.ts';
import { type ClaimedOptOut, claimDueOptOuts, hasOpenOptOut, rescheduleMirror } from './mirror-rows.ts';

export interface MirrorDeps {
  db: Database;
  clock: Clock;
  log: Log;
  jitter: () => number;
  /** A client whose calls are charged to the location's rate limit. */
  highLevel: HighLevel;
  findContactByAddress(message: { locationId: string; connectionId: string | null }, address: string): Promise<string | null>;
  deleteContactAddress(locationId: string, address: string): Promise<void>;
}

/** Result of one try; `retry` counts as a failed one. */
type Outcome = { kind: 'done' } | { kind: 'retry' | 'defer'; afterMs: number } | { kind: 'stop' };

const deferMs = 2_000;
const dayMs = 24 * 60 * 60 * 1000;
/** Refusals after which a setting stays as it is: HighLevel refuses this contact, not a permission. */
const maxRefusals = 6;
/** Searches for a contact that come soon after each other; then one follows each day. */
const maxQuickSearches = 10;
const maxSearches = 40;

/**
 * Mirrors opt-outs to HighLevel's do-not-disturb, and their ends: one opt-out of each location at a time, within a share of the location's
 * rate limit. The time is stored in the row, so a crash loses none, and repeating one changes no setting.
 *
 * @returns the number of opt-outs that are done
 */
export async function mirrorOptOuts(deps: MirrorDeps): Promise<number> {
  const claimed = await claimDueOptOuts(deps);
  const outcomes = await Promise.all(claimed.map((row) => mirrorClaimed(deps, row)));
  return outcomes.filter(({ kind }) => kind === 'done').length;
}

async function mirrorClaimed(deps: MirrorDeps, row: ClaimedOptOut): Promise<Outcome> {
  const { db, clock } = deps;
  let outcome: Outcome;
  try {
    const groupKey = toHighLevelGroupKey(toLocationOwner(row.locationId));
    const canCall =
      !(await isPaused(db, groupKey, dateNow(clock))) &&
      (await tryAcquire({ db, clock }, toDndMirrorKey(row.locationId), dndMirrorRateLimit));
    outcome = canCall ? await mirrorOne(deps, row) : { kind: 'defer', afterMs: deferMs };
  } catch (error) {
    outcome = toFailure(deps, row, error);
  }
  const dueAt = 'afterMs' in outcome ? new Date(clock.now() + outcome.afterMs) : null;
  await rescheduleMirror(db, row, dueAt, outcome.kind === 'done' ? 0 : row.errorCount + (outcome.kind === 'defer' ? 0 : 1));
  return outcome;
}

/** Brings the contact's setting in line with the ledger. */
async function mirrorOne(deps: MirrorDeps, row: ClaimedOptOut): Promise<Outcome> {
  const { db, highLevel } = deps;
  const { locationId, address } = row;
  const knownId = await deps.findContactByAddress(row, address);
  const contactId = knownId ?? (await searchContact(highLevel, row));
  if (contactId === null) return toMissingContact(deps, row);
  const settings = await findDndSettings(highLevel, locationId, contactId);
  if (settings === null) {
    // The contact was deleted; another may have its address.
    if (knownId !== null) await deps.deleteContactAddress(locationId, address);
    return toMissingContact(deps, row);
  }
  const channel: DndChannel = row.messageType === 'email' ? 'Email' : 'SMS';
  const shouldBlock = await hasOpenOptOut(db, row, contactId);
  if (!needsChange(settings, channel, shouldBlock)) return { kind: 'done' };
  await updateDnd(highLevel, { locationId, contactId }, settings, { channel, isBlocked: shouldBlock });
  // The ledger may have changed meanwhile, and another process written the opposite before this call arrived.
  const isCurrent = (await hasOpenOptOut(db, row, contactId)) === shouldBlock;
  return isCurrent ? { kind: 'done' } : { kind: 'defer', afterMs: 0 };
}

/** Returns whether a setting differs from the ledger and is ours to change: a block that others have set stays. */
function needsChange(settings: DndSettings, channel: DndChannel, shouldBlock: boolean): boolean {
  return shouldBlock ? !isBlocked(settings, channel) : isBlockedByUs(settings, channel);
}

/** Searches HighLevel by an address, by all spellings of a number; an id of a vendor's cannot be searched by. */
export async function searchContact(
  highLevel: HighLevel,
  { locationId, address }: Pick<ClaimedOptOut, 'locationId' | 'address'>,
): Promise<string | null> {
  const { kind } = normalizeAddress(address);
  if (kind === 'other') return null;
  if (kind === 'email') return findContactByEmail(highLevel, locationId, address);
  for (const spelling of listPhoneSpellings(address)) {
    const contactId = await findContactByPhone(highLevel, locationId, spelling);
    if (contactId !== null) return contactId;
  }
  return null;
}

/**
 * Waits for a contact that HighLevel does not have yet: the inbound message that opted out creates it within seconds, and its search lags.
 * An opt-out by hand may be about an address without a contact: then one search a day follows, for a month.
 */
function toMissingContact({ jitter }: MirrorDeps, { liftedAt, errorCount }: ClaimedOptOut): Outcome {
  if (liftedAt !== null) return { kind: 'done' };
  if (errorCount >= maxSearches) return { kind: 'stop' };
  return { kind: 'retry', afterMs: errorCount < maxQuickSearches ? computeBackoffMs(errorCount, jitter()) : dayMs };
}

/** Plans the retry after an error. A refused permission is probed by the permission gate alone; granting it makes the rows due. */
function toFailure({ log, jitter }: MirrorDeps, { id, errorCount, locationId }: ClaimedOptOut, error: unknown): Outcome {
  const backoffMs = computeBackoffMs(errorCount, jitter());
  if (isAppError(error, 'highlevel_limit')) return { kind: 'defer', afterMs: error.retryAfterMs ?? deferMs };
  if (isAppError(error, 'uninstalled')) return { kind: 'retry', afterMs: dayMs };
  if (isAppError(error, 'highlevel_forbidden')) {
    return { kind: 'retry', afterMs: Math.max(error.retryAfterMs ?? 0, backoffMs) };
  }
  if (isAppError(error) && error.retry === 'never' && errorCount + 1 >= maxRefusals) {
    log.warn({ err: error, locationId, optOutId: id }, 'HighLevel refuses to set do-not-disturb; the ledger alone applies');
    return { kind: 'stop' };
  }
  if (!isAppError(error)) log.error({ err: error, locationId, optOutId: id }, 'an opt-out could not be mirrored');
  return { kind: 'retry', afterMs: backoffMs };
}
