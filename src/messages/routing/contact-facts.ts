import { isContactNeeded } from '../../connections/routing-policy.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import type { Database, Executor } from '../../database/client.ts';
import { readContactEvent } from '../../highlevel/contact-events.ts';
import type { ContactFacts } from '../../highlevel/contacts.ts';
import type { LoadContactFacts } from './decide-for.ts';

export interface ContactFactsDeps {
  db: Database;
  clock: Clock;
  /** Asks HighLevel within the location's limits. @returns null for a deleted contact */
  lookUpContactFacts(locationId: string, contactId: string): Promise<ContactFacts | null>;
}

const hourMs = 60 * 60 * 1000;
/** App events keep a row current; this bounds the effect of one that did not arrive. */
const factsTtlMs = 6 * hourMs;
/** Time for which a location's refusal is remembered, so that not every message asks again. */
const refusalTtlMs = 60_000;
/** An event and a response may be dated by different clocks: within this time neither proves to be the newer one. */
const maxSkewMs = 5 * 60_000;
/** Most contacts of a location that are kept. */
const maxContacts = 10_000;

/**
 * Creates the reader of contacts' tags and assigned users. It asks HighLevel once for a contact that it does not know, however many messages
 * wait for that, and never for one that it knows.
 */
export function createContactFactsReader(deps: ContactFactsDeps): LoadContactFacts {
  const { db, clock } = deps;
  const inFlight = new Map<string, Promise<ContactFacts | null>>();
  const refusedUntilMs = new Map<string, number>();

  async function ask(locationId: string, contactId: string): Promise<ContactFacts | null> {
    const seenAt = dateNow(clock);
    try {
      const facts = (await deps.lookUpContactFacts(locationId, contactId)) ?? { tags: [], assignedTo: null };
      await storeContactFacts(db.client, { locationId, contactId, ...facts, seenAt });
      return facts;
    } catch (error) {
      if (!isAppError(error, 'highlevel_refused')) throw error;
      refusedUntilMs.set(locationId, clock.now() + refusalTtlMs);
      return null;
    }
  }

  return async (locationId, contactId) => {
    const row = await db.client.contactFacts.findUnique({ where: { locationId_contactId: { locationId, contactId } } });
    if (row && row.seenAt.getTime() > clock.now() - factsTtlMs) return row;
    if ((refusedUntilMs.get(locationId) ?? 0) > clock.now()) return null;
    const key = `${locationId}/${contactId}`;
    const asked = inFlight.get(key) ?? ask(locationId, contactId).finally(() => inFlight.delete(key));
    inFlight.set(key, asked);
    return asked;
  };
}

/**
 * Applies an app event about a contact, for a location whose rules ask for tags or users. What may be older than the stored row deletes it:
 * the next message asks HighLevel.
 */
export async function recordContactEvent(
  { db, clock }: Pick<ContactFactsDeps, 'db' | 'clock'>,
  body: Buffer,
): Promise<'stored' | 'ignored'> {
  const event = readContactEvent(body);
  if (!event || !(await isContactNeeded(db.client, event.locationId))) return 'ignored';
  const { locationId, contactId, facts, occurredAt } = event;
  const seenAt = new Date(Math.min(occurredAt?.getTime() ?? clock.now(), clock.now()));
  if (facts && (await storeContactFacts(db.client, { locationId, contactId, ...facts, seenAt }))) return 'stored';
  const isOlder = facts ? { gte: new Date(seenAt.getTime() + maxSkewMs) } : { gte: seenAt };
  await db.client.contactFacts.deleteMany({ where: { locationId, contactId, NOT: { seenAt: isOlder } } });
  return 'stored';
}

/** Stores what HighLevel said about a contact. @returns false where something newer is stored */
async function storeContactFacts(
  on: Executor,
  facts: ContactFacts & { locationId: string; contactId: string; seenAt: Date },
): Promise<boolean> {
  const { locationId, contactId, tags, assignedTo, seenAt } = facts;
  const count = await on.$executeRaw`
    INSERT INTO contact_facts (location_id, contact_id, tags, assigned_to, seen_at)
    VALUES (${locationId}, ${contactId}, ${[...tags]}::text[], ${assignedTo}, ${seenAt})
    ON CONFLICT (location_id, contact_id) DO UPDATE
      SET tags = EXCLUDED.tags, assigned_to = EXCLUDED.assigned_to, seen_at = EXCLUDED.seen_at
      WHERE contact_facts.seen_at <= EXCLUDED.seen_at`;
  return count > 0;
}

/** Deletes what is too old to be used, and the oldest contacts of a location that has too many. */
export async function purgeContactFacts({ db, clock }: Pick<ContactFactsDeps, 'db' | 'clock'>): Promise<void> {
  await db.client.contactFacts.deleteMany({ where: { seenAt: { lt: new Date(clock.now() - factsTtlMs) } } });
  const crowded = await db.client.contactFacts.groupBy({
    by: ['locationId'],
    _count: true,
    having: { contactId: { _count: { gt: maxContacts } } },
  });
  for (const { locationId } of crowded) {
    await db.client.$executeRaw`
      DELETE FROM contact_facts WHERE location_id = ${locationId} AND seen_at < (
        SELECT seen_at FROM contact_facts WHERE location_id = ${locationId} ORDER BY seen_at DESC OFFSET ${maxContacts} LIMIT 1)`;
  }
}
