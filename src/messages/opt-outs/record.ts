import type { Actor } from '../../audit/audit-log.ts';
import { audit } from '../../audit/audit-log.ts';
import type { InboundContent, OptOutContent } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { type Address, toMailKey } from '../../core/address.ts';
import { fitId } from '../../core/bounds.ts';
import { dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { Database, OptOut } from '../../database/client.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { parseRecipients } from '../model/recipients.ts';
import { splitRecipients } from './find.ts';
import { type LedgerDeps, type LedgerEntry, listLedgerSpellings, lockAddresses, writeEntry } from './ledger.ts';
import { isAmbiguousStart, parseOptOutWord } from './words.ts';

export type RecordOptOutDeps = LedgerDeps & {
  db: Database;
  readAddress: ReadAddress;
};

type ConnectionKey = Pick<Connection, 'id' | 'locationId'>;

/**
 * Records an opt-out or opt-in that the vendor reports; none for an email to several, as it does not say which of them. It is idempotent, and an event that is older than what the ledger knows changes
 * no row.
 */
export async function recordOptOut(deps: RecordOptOutDeps, connection: ConnectionKey, optOut: OptOutContent): Promise<void> {
  const address = optOut.ofMessage ? await findReportedRecipient(deps.db, connection, optOut) : optOut.address;
  if (address === null || splitRecipients(address).length > 1) return;
  await recordEvent(deps, connection.locationId, address, {
    optedOut: optOut.optedOut,
    category: optOut.category,
    source: 'vendor',
    by: 'vendor',
    occurredAt: optOut.occurredAt ?? dateNow(deps.clock),
    reason: optOut.reason ?? null,
    connectionId: connection.id,
    // Each YES may be reported; without its time it could not be compared with what arrives after it anyway.
    ...(optOut.optedOut || optOut.occurredAt ? {} : { onlyLifts: true }),
  });
}

/** Finds whom a report about a message of this connection is about. @returns null for no recipient of it, or one of several that is not named */
async function findReportedRecipient(
  { client }: Database,
  { id: connectionId }: ConnectionKey,
  { address, ofMessage: { messageId, externalId } = {} }: OptOutContent,
): Promise<string | null> {
  const ids = externalId === undefined ? { id: messageId ?? '' } : { externalIds: { some: { connectionId, externalId } } };
  const message = await client.message.findFirst({
    where: { ...ids, connectionId, direction: 'outbound' },
    orderBy: { id: 'desc' },
    select: { to: true, locationId: true, contactId: true },
  });
  if (!message) return null;
  const { to, locationId, contactId } = message;
  // An email without a recipient went to the address of its contact.
  const known = to === null && contactId ? await client.contactAddress.findMany({ where: { locationId, contactId } }) : [];
  const recipients = to === null ? known.map((one) => one.address).filter((one) => one.includes('@')) : parseRecipients(to);
  if (address === null) return recipients.length === 1 ? (recipients[0] ?? null) : null;
  return recipients.find((one) => toMailKey(one) === toMailKey(address)) ?? null;
}

/**
 * Records the opt-out or opt-in of an inbound message that is a STOP or START word, for a vendor that leaves them to us. The message is
 * stored already: its time counts, so that a repeat of its webhook has no effect on what the contact wrote since.
 */
export async function recordOptOutWord(
  deps: RecordOptOutDeps,
  connection: ConnectionKey & Pick<Connection, 'capabilities'>,
  inbound: InboundContent,
): Promise<void> {
  if (connection.capabilities.managesOptOuts || inbound.sentExternally || !inbound.text) return;
  const word = parseOptOutWord(inbound.text);
  if (word === null) return;
  const message = await deps.db.client.message.findUnique({
    where: { inboundKey: `${connection.id}/${fitId(inbound.externalId)}` },
    select: { occurredAt: true, createdAt: true },
  });
  await recordEvent(deps, connection.locationId, inbound.from, {
    optedOut: word === 'stop',
    category: 'all',
    source: 'contact',
    by: 'contact',
    occurredAt: message?.occurredAt ?? message?.createdAt ?? dateNow(deps.clock),
    reason: inbound.text.trim(),
    connectionId: connection.id,
    ...(isAmbiguousStart(inbound.text) ? { onlyLifts: true } : {}),
  });
}

/** Adds an opt-out by hand. An address that has opted out stays as it is. @returns the opt-out */
export async function addOptOut(
  deps: RecordOptOutDeps,
  ref: { locationId: string; address: string },
  reason: string,
  actor: Actor,
): Promise<OptOut> {
  const entry = await toManualEntry(deps, ref, reason, actor, true);
  return deps.db.transaction(async (tx) => {
    await lockAddresses(tx, ref.locationId, [entry.address]);
    const { locationId, address } = entry;
    const where = { locationId, address: { in: listLedgerSpellings(address) }, category: 'all' as const, liftedAt: null };
    const existing = await tx.optOut.findFirst({ where: { ...where, source: { not: 'highlevel' } } });
    if (existing) return existing;
    await writeEntry(tx, deps, entry);
    await audit(tx, deps, { actor, action: 'opt_out_recorded', locationId, details: `${address}: ${reason}` });
    return tx.optOut.findFirstOrThrow({ where: { ...where, source: entry.source } });
  });
}

/** Lifts the opt-outs of an address by hand, of all sources and categories. @throws AppError `not_found`: it has not opted out */
export async function liftOptOut(
  deps: RecordOptOutDeps,
  ref: { locationId: string; address: string },
  reason: string,
  actor: Actor,
): Promise<void> {
  const entry = await toManualEntry(deps, ref, reason, actor, false);
  await deps.db.transaction(async (tx) => {
    await lockAddresses(tx, ref.locationId, [entry.address]);
    const { locationId, address } = entry;
    const newest = await tx.optOut.findFirst({
      where: { locationId, address: { in: listLedgerSpellings(address) }, liftedAt: null },
      orderBy: { confirmedAt: 'desc' },
    });
    if (!newest) throw new AppError('not_found', `${address} has not opted out.`);
    // The user has seen the newest event, even one of this millisecond.
    const occurredAt = new Date(Math.max(entry.occurredAt.getTime(), newest.confirmedAt.getTime() + 1));
    await writeEntry(tx, deps, { ...entry, occurredAt });
    await audit(tx, deps, { actor, action: 'opt_out_lifted', locationId, details: `${address}: ${reason}` });
  });
}

async function recordEvent(
  deps: RecordOptOutDeps,
  locationId: string,
  rawAddress: string,
  event: Omit<LedgerEntry, 'locationId' | 'address' | 'messageType'>,
): Promise<void> {
  const entry = { ...event, locationId, ...toAddressFields(await deps.readAddress(locationId, rawAddress)) };
  await deps.db.transaction(async (tx) => {
    await lockAddresses(tx, locationId, [entry.address]);
    await writeEntry(tx, deps, entry);
  });
}

async function toManualEntry(
  deps: RecordOptOutDeps,
  { locationId, address }: { locationId: string; address: string },
  reason: string,
  actor: Actor,
  optedOut: boolean,
): Promise<LedgerEntry> {
  const isUser = typeof actor !== 'string';
  return {
    ...{ locationId, optedOut, reason },
    ...toAddressFields(await deps.readAddress(locationId, address)),
    category: 'all',
    source: isUser ? 'user' : 'operator',
    by: isUser ? actor.userId : actor,
    occurredAt: dateNow(deps.clock),
    connectionId: null,
  };
}

function toAddressFields({ address, kind }: Address) {
  return { address, messageType: kind === 'email' ? ('email' as const) : ('sms' as const) };
}
