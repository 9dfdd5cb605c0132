import { normalizeAddress } from '../../core/address.ts';
import type { Executor } from '../../database/client.ts';
import { type ContactDnd, type DndChannel, isBlocked, isBlockedByUs } from '../../highlevel/do-not-disturb.ts';
import { type LedgerDeps, type LedgerEntry, lockAddresses, writeEntry } from './ledger.ts';

/**
 * Applies a contact's do-not-disturb, as HighLevel reports it, to the ledger: what others have set opts the contact's number and email
 * address out, and clearing it lifts that again, never an opt-out that the contact, a vendor or a user caused. A setting that this program
 * has written changes no row, or each program would repeat the other’s changes for good.
 */
export async function recordContactDnd(
  deps: LedgerDeps,
  tx: Executor,
  locationId: string,
  dnd: ContactDnd,
  occurredAt: Date,
): Promise<void> {
  const entries = [
    dnd.phone === null ? [] : toEntry(dnd, 'SMS', dnd.phone),
    dnd.email === null ? [] : toEntry(dnd, 'Email', dnd.email),
  ].flat();
  await lockAddresses(
    tx,
    locationId,
    entries.map(({ address }) => address),
  );
  for (const entry of entries) await writeEntry(tx, deps, { ...entry, locationId, occurredAt });
}

function toEntry(
  { isGlobal, settings }: ContactDnd,
  channel: DndChannel,
  rawAddress: string,
): [] | Omit<LedgerEntry, 'locationId' | 'occurredAt'> {
  if (!isGlobal && isBlockedByUs(settings, channel)) return [];
  // HighLevel stores numbers in E.164.
  const { address } = normalizeAddress(rawAddress);
  const optedOut = isGlobal || isBlocked(settings, channel);
  return {
    ...{ address, optedOut, category: 'all', source: 'highlevel', by: 'highlevel', connectionId: null },
    messageType: channel === 'Email' ? 'email' : 'sms',
    reason: (isGlobal ? undefined : settings[channel]?.message) ?? `Do not disturb ${optedOut ? 'set' : 'cleared'} in the CRM.`,
    // Each change of another channel's setting says so too, and would leave a row.
    ...(optedOut ? {} : { onlyLifts: true }),
  };
}
