import { type Actor, audit } from '../../audit/audit-log.ts';
import { normalizeAddress } from '../../core/address.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import { minIdAt, type NewId } from '../../core/ids.ts';
import { paginate } from '../../core/pagination.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Database, Erasure, Executor } from '../../database/client.ts';
import {
  countRemaining,
  type ErasedContact,
  eraseContactMessages,
  eraseContactTraces,
  listAddresses,
} from './erase-contact.ts';

export type { Erasure };

/** Whom an erasure is about: a contact by HighLevel's id, or an address that no contact has. */
export type ErasureRequest = { contactId: string } | { address: string };

export interface RequestErasureDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/**
 * Requests that what is stored about a contact be erased. An earlier request whose first pass has not ended takes in what has come since, and is
 * returned instead of a second one.
 */
export async function requestErasure(
  { db, clock, newId }: RequestErasureDeps,
  locationId: string,
  request: ErasureRequest,
  actor: Actor,
): Promise<Erasure> {
  const now = dateNow(clock);
  const address = 'address' in request ? normalizeAddress(request.address).address : null;
  const contactId = 'contactId' in request ? request.contactId : null;
  const subject = contactId ?? hideMost(address as string);
  return db.transaction(async (tx) => {
    const [open] = await tx.erasure.updateManyAndReturn({
      where: {
        locationId,
        contentErasedAt: null,
        ...(address !== null ? { contactId: null, addresses: { hasSome: listPhoneSpellings(address) } } : { contactId }),
      },
      data: { requestedAt: now, cursor: null },
    });
    if (open) return open;
    await audit(tx, { clock, newId }, { actor, action: 'erasure_requested', locationId, details: `Contact ${subject}.` });
    return tx.erasure.create({
      data: {
        ...{ id: newId(), locationId, contactId, subject, addresses: address === null ? [] : [address] },
        requestedBy: typeof actor === 'string' ? actor : actor.userId,
        ...{ requestedAt: now, dueAt: now },
      },
    });
  });
}

/** Hides most of an address: enough is left that the person who asked for its erasure recognises it. */
function hideMost(address: string): string {
  const shown = Math.min(4, Math.floor(address.length / 3));
  return `${address.slice(0, shown)}…${address.slice(-shown)}`;
}

/** Lists a location's erasures, newest first. */
export async function listErasures(db: Database, locationId: string, query: { cursor?: string | undefined; limit: number }) {
  const rows = await db.client.erasure.findMany({
    where: { locationId, ...(query.cursor ? { id: { lt: query.cursor } } : {}) },
    orderBy: { id: 'desc' },
    take: query.limit + 1,
  });
  return paginate<Erasure>(rows, query.limit, ({ id }) => id);
}

export interface RunErasuresDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  /** Fails the messages to a contact that wait and have not been sent. */
  cancelQueuedTo(locationId: string, recipient: { contactId: string } | { addresses: readonly string[] }): Promise<void>;
}

const leaseMs = 60_000;
const dayMs = 24 * 60 * 60_000;
const firstId = minIdAt(new Date(0));

/**
 * Runs a step of the erasure that is due first. Each step is a transaction that stores how far it has come, so a crash repeats none.
 *
 * The first pass erases content and addresses. Vendors' ids go a day later, in a second one: until then they recognise a vendor's repeat, which
 * would bring the message back. It takes what was still waiting, too, and ends once nothing is left.
 *
 * @returns 0 when none is due
 */
export async function runErasures(deps: RunErasuresDeps): Promise<number> {
  const { db, clock } = deps;
  const now = dateNow(clock);
  const [due] = await db.client.$queryRaw<{ id: string }[]>`
    UPDATE erasures SET due_at = ${new Date(now.getTime() + leaseMs)} WHERE id = (
      SELECT id FROM erasures WHERE due_at <= ${now} ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id`;
  if (!due) return 0;
  const erasure = await db.client.erasure.findUniqueOrThrow({ where: { id: due.id } });
  if (erasure.cursor === null) await startPass(deps, erasure);
  await db.transaction((tx) => runStep(deps, tx, due.id));
  return 1;
}

/** Cancels what still waits for the contact. Its addresses are read first: later, nothing would name them. */
async function startPass({ db, cancelQueuedTo }: RunErasuresDeps, erasure: Erasure): Promise<void> {
  const { id, locationId, contactId } = erasure;
  const known = contactId === null ? [] : await listAddresses(db.client, locationId, contactId);
  const addresses = [...new Set([...erasure.addresses, ...known].flatMap(listPhoneSpellings))];
  await db.client.erasure.update({ where: { id }, data: { addresses } });
  await cancelQueuedTo(locationId, contactId === null ? { addresses } : { contactId });
}

async function runStep({ clock, newId }: RunErasuresDeps, tx: Executor, id: string): Promise<void> {
  const erasure = await tx.erasure.findUniqueOrThrow({ where: { id } });
  const now = dateNow(clock);
  const contact: ErasedContact = { ...erasure, erasureId: id };
  // What came in afterwards is of a person who has written again.
  const before = minIdAt(erasure.requestedAt);
  const isSecondPass = erasure.contentErasedAt !== null;
  const range = { after: erasure.cursor ?? firstId, before, withIds: isSecondPass };
  const { lastId, count } = await eraseContactMessages(tx, contact, range, now);
  const messageCount = erasure.messageCount + count;
  if (lastId !== null) {
    await tx.erasure.update({ where: { id }, data: { cursor: lastId, messageCount, dueAt: now } });
    return;
  }
  await eraseContactTraces(tx, contact);
  const contentErasedAt = erasure.contentErasedAt ?? now;
  if (!isSecondPass || (await countRemaining(tx, contact, before)) > 0) {
    await tx.erasure.update({
      where: { id },
      data: { cursor: null, messageCount, contentErasedAt, dueAt: new Date(now.getTime() + dayMs) },
    });
    return;
  }
  await tx.erasure.update({ where: { id }, data: { cursor: null, messageCount, addresses: [], dueAt: null, endedAt: now } });
  const { locationId, subject } = erasure;
  const details = `Contact ${subject}: nothing of it is left. Messages: ${messageCount}.`;
  await audit(tx, { clock, newId }, { actor: 'patchbay', action: 'contact_erased', locationId, details });
}

/** @throws AppError `not_found` */
export async function getErasure(db: Database, locationId: string, id: string): Promise<Erasure> {
  const erasure = await db.client.erasure.findFirst({ where: { id, locationId } });
  if (!erasure) throw new AppError('not_found', 'There is no such erasure.');
  return erasure;
}
