import { normalizeAddress } from '../../core/address.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database, Executor, OptOut } from '../../database/client.ts';
import type { HighLevel } from '../../highlevel/client.ts';
import type { DndFilter, FoundContact } from '../../highlevel/contact-search.ts';
import { type ContactDnd, findContactDnd, isBlockedByUs } from '../../highlevel/do-not-disturb.ts';
import { listLedgerSpellings, toLedgerAddress, toLedgerKey } from './ledger.ts';
import { searchContact } from './mirror.ts';

export interface ApplyDndDeps {
  db: Database;
  clock: Clock;
  /** A client whose calls are charged to the location's rate limit. */
  highLevel: HighLevel;
  findContactByAddress(message: { locationId: string; connectionId: string | null }, address: string): Promise<string | null>;
  recordContactDnd(tx: Executor, locationId: string, dnd: ContactDnd, occurredAt: Date): Promise<void>;
}

/** Marks the opt-outs of HighLevel's own do-not-disturb that a search has found there. */
export async function confirmFound(
  { db }: Pick<ApplyDndDeps, 'db'>,
  locationId: string,
  contacts: readonly FoundContact[],
  now: Date,
): Promise<void> {
  const addresses = contacts.flatMap(listAddresses).flatMap(listLedgerSpellings);
  if (addresses.length === 0) return;
  const where = { locationId, address: { in: addresses }, liftedAt: null, source: 'highlevel' };
  await db.client.optOut.updateMany({ where, data: { reconciledAt: now } });
}

/** Lists the found contacts whose blocked address has no opt-out in the ledger. */
export async function listUnknown(
  db: Database,
  locationId: string,
  { field }: DndFilter,
  contacts: readonly FoundContact[],
): Promise<FoundContact[]> {
  const toAddresses = ({ phone, email }: FoundContact) => {
    if (field === 'dnd') return listAddresses({ phone, email });
    return listAddresses(field.includes('Email') ? { phone: null, email } : { phone, email: null });
  };
  const rows = await db.client.optOut.findMany({
    where: {
      locationId,
      address: { in: contacts.flatMap(toAddresses).flatMap(listLedgerSpellings) },
      category: 'all',
      liftedAt: null,
    },
    select: { address: true },
  });
  const known = new Set(rows.map(({ address }) => toLedgerKey(address)));
  return contacts.filter((contact) => toAddresses(contact).some((address) => !known.has(toLedgerKey(address))));
}

/**
 * Reads a contact's do-not-disturb, as the search lags, and applies it. An opt-in is not overridden: it cannot be known which of the two is
 * newer, and HighLevel itself refuses sends to such a contact. A block that this program has set, of an address that has opted in since, is
 * cleared by the mirror.
 */
export async function applyContactDnd(deps: ApplyDndDeps, locationId: string, contactId: string): Promise<void> {
  const dnd = await findContactDnd(deps.highLevel, locationId, contactId);
  if (!dnd) return;
  const isOptedIn = async (rawAddress: string | null) =>
    rawAddress !== null && (await hasOptedIn(deps.db, locationId, toAddress(rawAddress)));
  const [phoneOptedIn, emailOptedIn] = [await isOptedIn(dnd.phone), await isOptedIn(dnd.email)];
  await clearOwnBlocks(deps, locationId, dnd);
  const applied = { ...dnd, phone: phoneOptedIn ? null : dnd.phone, email: emailOptedIn ? null : dnd.email };
  await record(deps, locationId, applied);
}

/** Makes the mirror look at opt-outs that have ended while HighLevel still has our block. */
async function clearOwnBlocks({ db, clock }: ApplyDndDeps, locationId: string, dnd: ContactDnd): Promise<void> {
  const blocked = [
    isBlockedByUs(dnd.settings, 'SMS') ? dnd.phone : null,
    isBlockedByUs(dnd.settings, 'Email') ? dnd.email : null,
  ].flatMap((address) => (address === null ? [] : [toAddress(address)]));
  for (const address of blocked) {
    const newest = await db.client.optOut.findFirst({
      where: {
        locationId,
        address: { in: listLedgerSpellings(address) },
        category: 'all',
        liftedAt: { not: null },
        source: { not: 'highlevel' },
      },
      orderBy: { liftedAt: 'desc' },
    });
    if (!newest || newest.mirrorDueAt) continue;
    const data = { mirrorDueAt: dateNow(clock), mirrorErrorCount: 0 };
    await db.client.optOut.updateMany({ where: { id: newest.id, mirrorDueAt: null }, data });
  }
}

/** Lists open opt-outs of HighLevel's own do-not-disturb that no search of this reconcile has found there. */
export function listUnconfirmed(
  db: Database,
  locationId: string,
  startedAt: Date,
  after: string | null,
  limit: number,
): Promise<OptOut[]> {
  return db.client.optOut.findMany({
    where: {
      ...{ locationId, source: 'highlevel', liftedAt: null },
      confirmedAt: { lt: startedAt },
      OR: [{ reconciledAt: null }, { reconciledAt: { lt: startedAt } }],
      ...(after ? { id: { gt: after } } : {}),
    },
    orderBy: { id: 'asc' },
    take: limit,
  });
}

/** Lifts an opt-out whose do-not-disturb was cleared in HighLevel; one of a contact that is gone there stays. */
export async function verifyUnconfirmed(deps: ApplyDndDeps, optOut: OptOut): Promise<void> {
  const { locationId, address, messageType } = optOut;
  const contactId =
    (await deps.findContactByAddress(optOut, address)) ?? (await searchContact(deps.highLevel, { locationId, address }));
  const dnd = contactId === null ? null : await findContactDnd(deps.highLevel, locationId, contactId);
  if (!dnd) return;
  // The contact may have another address by now: what is set for it is true for this one alone.
  const own = messageType === 'email' ? { phone: null, email: address } : { phone: address, email: null };
  await record(deps, locationId, { ...dnd, ...own });
}

function record(deps: ApplyDndDeps, locationId: string, dnd: ContactDnd): Promise<void> {
  return deps.db.transaction((tx) => deps.recordContactDnd(tx, locationId, dnd, dateNow(deps.clock)));
}

async function hasOptedIn(db: Database, locationId: string, address: string): Promise<boolean> {
  const isByOthers = { liftedAt: { not: null }, liftedBy: { not: 'highlevel' } };
  const where = { locationId, address: { in: listLedgerSpellings(address) }, ...isByOthers, category: 'all' as const };
  return (await db.client.optOut.count({ where, take: 1 })) > 0;
}

function listAddresses({ phone, email }: Pick<FoundContact, 'phone' | 'email'>): string[] {
  return [phone, email].flatMap((address) => (address === null ? [] : [toAddress(address)]));
}

/** HighLevel stores numbers in E.164. */
function toAddress(rawAddress: string): string {
  return toLedgerAddress(normalizeAddress(rawAddress).address);
}
