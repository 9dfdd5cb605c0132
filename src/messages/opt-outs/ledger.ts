import type { OptOutCategory } from '../../channels/channel.ts';
import { fitId, maxChars } from '../../core/bounds.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import { truncate } from '../../core/sanitize.ts';
import type { Executor } from '../../database/client.ts';
import { type OutboxEvent, recordEvent } from '../../outbox/record-events.ts';
import { decideChanges, type LedgerChange, type LedgerState, type OptOutEvent } from './decide.ts';

export interface LedgerDeps {
  clock: Clock;
  newId: NewId;
}

/** An opt-out or opt-in of one address, and what is known of its cause. */
export interface LedgerEntry extends OptOutEvent {
  readonly locationId: string;
  /** As in `contact_addresses`. */
  readonly address: string;
  readonly messageType: 'sms' | 'email';
  readonly reason: string | null;
  readonly connectionId: string | null;
  /** Author of the event: the source, or a user's id. */
  readonly by: string;
  /** Starts no workflow. */
  readonly isSilent?: boolean;
}

const maxReasonChars = 200;

/** Shortens an address to the form in which the ledger stores and finds it. */
export function toLedgerAddress(address: string): string {
  return fitId(address, maxChars.address);
}

/**
 * Lists the addresses under which the ledger may hold an address, itself first: the spellings of a number. What one of them has opted out of, all
 * of them have.
 */
export function listLedgerSpellings(address: string): string[] {
  return listPhoneSpellings(address).map(toLedgerAddress);
}

/** Returns the key that all spellings of an address have in common. */
export function toLedgerKey(address: string): string {
  return listLedgerSpellings(address).sort()[0] ?? address;
}

/**
 * Locks addresses in the ledger until the transaction ends, so that the events of one address are decided one after another. A transaction
 * locks all its addresses at once, and takes no other lock after them.
 */
export async function lockAddresses(tx: Executor, locationId: string, addresses: readonly string[]): Promise<void> {
  const keys = [...new Set(addresses.map((address) => `opt-outs/${locationId}/${toLedgerKey(address)}`))].sort();
  await tx.$executeRaw`
    SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(${keys}::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n`;
}

/** Builds the event of an opt-out. */
export function toOutboxEvent({ locationId, connectionId, address, source, category, reason }: LedgerEntry): OutboxEvent {
  return { kind: 'opted_out', locationId, connectionId, address, facts: { source, category, reason } };
}

/** Writes what an event changes. The address is locked. @returns the changes; none for a repeat and for an event that is out of date */
export async function writeEntry(tx: Executor, deps: LedgerDeps, given: LedgerEntry): Promise<readonly LedgerChange[]> {
  const now = dateNow(deps.clock);
  const known = { ...given, address: toLedgerAddress(given.address) };
  const state = await loadState(tx, known);
  const entry = { ...known, occurredAt: computeOccurredAt(known, state, now) };
  const changes = decideChanges(state, entry);
  for (const change of changes) await writeChange(tx, deps, entry, change, now);
  // One event, though an address may have an opt-out of each source.
  if (!entry.isSilent && changes.some(({ kind }) => kind === 'lift')) {
    await recordEvent(tx, { ...toOutboxEvent(entry), kind: 'opted_in' }, now);
  }
  return changes;
}

function computeOccurredAt({ source, optedOut, occurredAt }: LedgerEntry, { optIns }: LedgerState, now: Date): Date {
  // No event happens after its receipt: a time from a fast clock must not override later events.
  if (source !== 'user' && source !== 'operator') return occurredAt < now ? occurredAt : now;
  // A person has seen the newest opt-in, even one of this millisecond, or of a process whose clock is ahead.
  return optedOut ? new Date(Math.max(occurredAt.getTime(), ...optIns.map(({ at }) => at.getTime()))) : occurredAt;
}

async function loadState(tx: Executor, { locationId, address }: LedgerEntry): Promise<LedgerState> {
  const spellings = listLedgerSpellings(address);
  const open = await tx.optOut.findMany({
    where: { locationId, address: { in: spellings }, liftedAt: null },
    select: { id: true, category: true, source: true, confirmedAt: true },
  });
  const optIns = await tx.$queryRaw<{ category: OptOutCategory; isByHighLevel: boolean; at: Date }[]>`
    SELECT category::text, lifted_by = 'highlevel' AS "isByHighLevel", max(lifted_at) AS at FROM opt_outs
    WHERE location_id = ${locationId} AND address = ANY (${spellings}::text[]) AND lifted_at IS NOT NULL
    GROUP BY category, lifted_by = 'highlevel'`;
  return { open, optIns };
}

async function writeChange(tx: Executor, deps: LedgerDeps, entry: LedgerEntry, change: LedgerChange, now: Date): Promise<void> {
  const { locationId, address, category, source, messageType, connectionId, occurredAt, by } = entry;
  const reason = entry.reason === null ? null : truncate(entry.reason, maxReasonChars);
  const mirror = { mirrorDueAt: now, mirrorErrorCount: 0 };
  const isMirrored = category === 'all' && source !== 'highlevel';
  const row = { id: deps.newId(), locationId, address, category, source, messageType, connectionId, reason, addedBy: by };
  switch (change.kind) {
    case 'open':
      await tx.optOut.create({
        data: { ...row, startedAt: occurredAt, confirmedAt: occurredAt, ...(isMirrored ? mirror : {}) },
      });
      if (!entry.isSilent) await recordEvent(tx, toOutboxEvent({ ...entry, reason }), now);
      return;
    case 'confirm':
      // A contact who repeats STOP is blocked again in HighLevel, where a user may have cleared it.
      await tx.optOut.update({
        where: { id: change.id },
        data: { confirmedAt: occurredAt, ...(isMirrored ? mirror : {}) },
      });
      return;
    case 'lift':
      await tx.optOut.update({
        where: { id: change.id },
        data: { liftedAt: occurredAt, liftedBy: by, liftReason: reason, ...(change.isMirrored ? mirror : {}) },
      });
      return;
    case 'mark': {
      const times = { startedAt: occurredAt, confirmedAt: occurredAt, liftedAt: occurredAt };
      await tx.optOut.create({ data: { ...row, ...times, liftedBy: by, liftReason: reason } });
      return;
    }
  }
}
